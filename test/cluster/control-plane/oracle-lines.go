// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"

	"k8s.io/klog/v2"
)

// answerLines reads questions, one JSON document a line, and writes the answers in the same order. Several are worked on
// at once; what is written is flushed whenever nobody waits in line, so a lone question is answered at once and a
// thousand cost few system calls.
func answerLines(answer func(question []byte) any) int {
	// What the API server logs while it judges is no answer, and thousands of such lines cost more than the judging.
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard)
	waiting := make(chan chan []byte, 4*runtime.GOMAXPROCS(0))
	done := make(chan error)
	go func() {
		out := bufio.NewWriterSize(os.Stdout, 1<<16)
		var err error
		for one := range waiting {
			line := <-one
			if err != nil {
				continue
			}
			if _, err = out.Write(line); err == nil && len(waiting) == 0 {
				err = out.Flush()
			}
		}
		if err == nil {
			err = out.Flush()
		}
		done <- err
	}()

	in := bufio.NewReaderSize(os.Stdin, 1<<16)
	var readErr error
	for {
		line, err := in.ReadBytes('\n')
		if question := bytes.TrimSpace(line); len(question) > 0 {
			one := make(chan []byte, 1)
			waiting <- one
			go func() { one <- encode(answer, question) }()
		}
		if err != nil {
			if err != io.EOF {
				readErr = err
			}
			break
		}
	}
	close(waiting)
	if err := <-done; err != nil {
		readErr = err
	}
	if readErr != nil {
		fmt.Fprintln(os.Stderr, readErr)
		return 1
	}
	return 0
}

// A question that cannot be answered must not take the others with it.
type failure struct {
	Failed string `json:"failed"`
}

func encode(answer func(question []byte) any, question []byte) (line []byte) {
	defer func() {
		if reason := recover(); reason != nil {
			line = mustEncode(failure{Failed: fmt.Sprintf("panic: %v\n%s", reason, debug.Stack())})
		}
	}()
	return mustEncode(answer(question))
}

func mustEncode(value any) []byte {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		buffer.Reset()
		fallback, _ := json.Marshal(failure{Failed: err.Error()})
		return append(fallback, '\n')
	}
	return buffer.Bytes()
}
