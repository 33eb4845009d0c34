package main

import (
	"time"

	"golang.org/x/sys/unix"
)

// cpuTime is the user and system time of all threads of a process, of those too
// that have ended. The kernel's clock of a process counts nanoseconds, where
// /proc/PID/stat has hundredths of a second. The clock's id is made of the
// process's as clock_getcpuclockid(3) makes it.
func cpuTime(pid int) (time.Duration, error) {
	const allThreadsScheduled = 2
	var at unix.Timespec
	err := unix.ClockGettime(int32(^pid)<<3|allThreadsScheduled, &at)
	return time.Duration(at.Nano()), err
}
