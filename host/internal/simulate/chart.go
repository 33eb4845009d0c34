package simulate

import (
	"fmt"
	"strconv"

	"github.com/go-analyze/charts"
)

// The size of a picture: its width, and the height of each of its charts.
const (
	chartWidth  = 900
	chartHeight = 230
)

// maxPoints is the number of points in a line; longer runs are drawn with the
// mean of several seconds.
const maxPoints = 180

// Draw makes a picture of a world's variants: for each the requests per second,
// and for all the waits and the length of the queue. format is "svg" or "png".
func Draw(w World, outcomes []Outcome, format string) ([]byte, error) {
	rows := len(outcomes) + 2
	p := charts.NewPainter(charts.PainterOptions{OutputFormat: format, Width: chartWidth, Height: rows * chartHeight})
	p.FilledRect(0, 0, chartWidth, rows*chartHeight, charts.ColorWhite, charts.ColorWhite, 0)
	step := (len(outcomes[0].Result.Seconds) + maxPoints - 1) / maxPoints
	row := func(i int, title string, lines []line) error {
		child := p.Child(charts.PainterBoxOption(charts.NewBox(0, i*chartHeight, chartWidth, (i+1)*chartHeight)))
		return child.LineChart(options(title, lines, step))
	}
	for i, o := range outcomes {
		if err := row(i, o.Variant.Name+": requests per second", flows(o.Result, step)); err != nil {
			return nil, fmt.Errorf("draw %s: %w", w.Name, err)
		}
	}
	waits := each(outcomes, step, func(s Second) float64 { return s.Wait.Seconds() })
	if err := row(rows-2, "longest wait of the answered (s)", waits); err != nil {
		return nil, fmt.Errorf("draw %s: %w", w.Name, err)
	}
	queued := each(outcomes, step, func(s Second) float64 { return float64(s.Queued) })
	if err := row(rows-1, "requests in the queue", queued); err != nil {
		return nil, fmt.Errorf("draw %s: %w", w.Name, err)
	}
	return p.Bytes()
}

// line is one line of a chart.
type line struct {
	name   string
	values []float64
}

func flows(r Result, step int) []line {
	of := func(name string, value func(Second) float64) line { return line{name, thin(r.Seconds, step, value)} }
	return []line{
		of("arrived", func(s Second) float64 { return float64(s.Arrived) }),
		of("answered", func(s Second) float64 { return float64(s.Served) }),
		of("refused", func(s Second) float64 { return float64(s.Refused) }),
		of("failed", func(s Second) float64 { return float64(s.Failed) }),
	}
}

func each(outcomes []Outcome, step int, value func(Second) float64) []line {
	lines := make([]line, len(outcomes))
	for i, o := range outcomes {
		lines[i] = line{o.Variant.Name, thin(o.Result.Seconds, step, value)}
	}
	return lines
}

// thin takes the mean of each step seconds.
func thin(all []Second, step int, value func(Second) float64) []float64 {
	var out []float64
	for i := 0; i < len(all); i += step {
		part := all[i:min(i+step, len(all))]
		sum := 0.0
		for _, s := range part {
			sum += value(s)
		}
		out = append(out, sum/float64(len(part)))
	}
	return out
}

func options(title string, lines []line, step int) charts.LineChartOption {
	var values [][]float64
	var names []string
	for _, l := range lines {
		values, names = append(values, l.values), append(names, l.name)
	}
	opt := charts.NewLineChartOptionWithData(values)
	opt.Title.Text = title
	opt.Legend.SeriesNames = names
	opt.Legend.Offset = charts.OffsetRight
	opt.Symbol = charts.Symbol{Shape: charts.SymbolNone}
	opt.LineStrokeWidth = 1.5
	opt.XAxis.LabelCount = 13
	seconds := make([]string, len(lines[0].values))
	for i := range seconds {
		seconds[i] = strconv.Itoa(i * step)
	}
	opt.XAxis.Labels = seconds
	return opt
}
