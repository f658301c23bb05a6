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

// A heldWriter keeps what is written for as long as somebody holds it.
type heldWriter struct {
	sync.Mutex
	bytes.Buffer
}

func (w *heldWriter) Write(b []byte) (int, error) {
	w.Lock()
	defer w.Unlock()
	return w.Buffer.Write(b)
}

// What nobody reads takes no more memory than it has bytes.
func TestManyMessages(t *testing.T) {
	const n = 100_000
	var all, want strings.Builder
	var o outputs
	held := new(heldWriter)
	out, stderr := &output{&o, io.MultiWriter(held, &all)}, &output{&o, &all}
	o.startQueueing()
	held.Lock()
	before := runtime.NumGoroutine()
	for i := range n {
		fmt.Fprintf(&want, "line %d: out\nerr\n", i)
		fmt.Fprintf(out, "line %d: out\n", i)
		fmt.Fprintf(stderr, "err\n")
	}
	if more := runtime.NumGoroutine() - before; more > 10 {
		t.Errorf("%d goroutines", more)
	}
	if !o.hasBacklog() {
		t.Error("nothing waits to be written")
	}
	held.Unlock()
	if err := o.finish(); err != nil || o.hasBacklog() {
		t.Errorf("%v, behind %t", err, o.hasBacklog())
	}
	if all.String() != want.String() {
		t.Error("it is not what was said, in the order in which it was said")
	}
}

// Who wants the program to end does not wait for an output that is stuck.
func TestStuckOutput(t *testing.T) {
	var o outputs
	held := new(heldWriter)
	out := &output{&o, held}
	o.startQueueing()
	held.Lock()
	defer held.Unlock()
	io.WriteString(out, "stuck")
	o.limitFlush()
	if err := o.finish(); err != nil {
		t.Error(err)
	}
}

// Another program that has the same pipe may make it so that writing does not
// wait, at any time.
func TestNonblockingMeanwhile(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	fd, err := unix.Dup(int(w.Fd())) // which makes it blocking
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
		time.Sleep(10 * time.Millisecond) // the pipe is full by then
		b, _ := io.ReadAll(r)
		got <- b
	}()
	out := &output{new(outputs), file}
	if n, err := out.Write(want); n != len(want) || err != nil {
		t.Errorf("%d of %d bytes, %v", n, len(want), err)
	}
	file.Close()
	if !bytes.Equal(<-got, want) {
		t.Error("something else was written")
	}
}
