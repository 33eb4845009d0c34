package plugin

import (
	"bytes"
	"os"
	"strconv"

	"github.com/backplane-dev/backplane/host/status"
)

// clockTicks is the unit of times in /proc, a hundredth of a second on every
// platform that Go runs on (proc_pid_stat(5)).
const clockTicks = 100

// usage reads what a process uses from /proc; nil if it is gone.
func usage(pid int) *status.ProcessUsage {
	dir := "/proc/" + strconv.Itoa(pid)
	stat, err := os.ReadFile(dir + "/stat")
	if err != nil || pid == 0 {
		return nil
	}
	// The name, in parentheses, can hold anything; the fields after it cannot.
	_, after, _ := bytes.Cut(stat[bytes.LastIndexByte(stat, ')')+1:], []byte(" "))
	fields := bytes.Fields(after) // from the third, state, on
	number := func(field int) int64 {
		if field-3 >= len(fields) {
			return 0
		}
		n, _ := strconv.ParseInt(string(fields[field-3]), 10, 64) // the kernel's own
		return n
	}
	u := &status.ProcessUsage{
		RSS: number(24) * int64(os.Getpagesize()), Threads: int(number(20)),
		CPU: float64(number(14)+number(15)) / clockTicks,
	}
	if files, err := os.ReadDir(dir + "/fd"); err == nil { // another user's are not to be seen
		u.Files = len(files)
	}
	return u
}
