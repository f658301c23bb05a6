// SPDX-License-Identifier: MIT

package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A blockingWriter blocks while its mutex is held by the test.
type blockingWriter struct {
	sync.Mutex
	bytes.Buffer
}

func (w *blockingWriter) Write(b []byte) (int, error) {
	w.Lock()
	defer w.Unlock()
	return w.Buffer.Write(b)
}

// TestQueueManyWrites checks that queued writes keep their order and do not need
// a goroutine each.
func TestQueueManyWrites(t *testing.T) {
	const n = 100_000
	var got, want strings.Builder
	var q outputQueue
	blocking := new(blockingWriter)
	stdout, stderr := &output{&q, io.MultiWriter(blocking, &got)}, &output{&q, &got}
	q.startQueueing()
	blocking.Lock()
	before := runtime.NumGoroutine()
	for i := range n {
		fmt.Fprintf(&want, "line %d: stdout\nstderr\n", i)
		fmt.Fprintf(stdout, "line %d: stdout\n", i)
		fmt.Fprintf(stderr, "stderr\n")
	}
	if started := runtime.NumGoroutine() - before; started > 10 {
		t.Errorf("%d goroutines were started", started)
	}
	if !q.hasBacklog() {
		t.Error("hasBacklog is false while the writer blocks")
	}
	blocking.Unlock()
	if err := q.flushQueue(); err != nil || q.hasBacklog() {
		t.Errorf("flushQueue: %v, hasBacklog %t", err, q.hasBacklog())
	}
	if got.String() != want.String() {
		t.Error("writes were lost or reordered")
	}
}

func TestLimitFlush(t *testing.T) {
	var q outputQueue
	blocking := new(blockingWriter)
	stdout := &output{&q, blocking}
	q.startQueueing()
	blocking.Lock()
	defer blocking.Unlock()
	io.WriteString(stdout, "text")
	q.limitFlush()
	if err := q.flushQueue(); err != nil {
		t.Error(err)
	}
}

// TestWriteNonblockingPipe checks that writes to a pipe that another process has made
// non-blocking are complete.
func TestWriteNonblockingPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	fd, err := unix.Dup(int(w.Fd())) // Fd makes the pipe blocking
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
	file := os.NewFile(uintptr(fd), "pipe")
	if err := unix.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	want := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	got := make(chan []byte)
	go func() {
		time.Sleep(10 * time.Millisecond) // until the pipe is full
		b, _ := io.ReadAll(r)
		got <- b
	}()
	stdout := &output{new(outputQueue), file}
	if n, err := stdout.Write(want); n != len(want) || err != nil {
		t.Errorf("wrote %d of %d bytes, %v", n, len(want), err)
	}
	file.Close()
	if !bytes.Equal(<-got, want) {
		t.Error("the reader received other bytes than were written")
	}
}
