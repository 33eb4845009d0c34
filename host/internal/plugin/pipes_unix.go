//go:build unix

package plugin

import (
	"os"
	"strconv"

	"github.com/backplane-dev/backplane/sdk/client"
)

// firstExtraFile is the descriptor of the first of exec.Cmd's ExtraFiles.
const firstExtraFile = 3

// openLifeline makes the pipe whose end tells the plugin that the host is gone:
// the host holds the writing end and never writes.
func (p *pipes) openLifeline() (err error) {
	p.lifelineR, p.lifelineW, err = os.Pipe()
	return err
}

func (p *pipes) inherited() []*os.File { return []*os.File{p.lifelineR} }

func (p *pipes) env() []string {
	return []string{client.LifelineEnv + "=" + strconv.Itoa(firstExtraFile)}
}
