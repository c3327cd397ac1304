// Command trace runs kcp-go's KCP object through seeded scenarios on a virtual clock and writes down, step by step, what
// went in, what came out and the state after it. Built by generate.sh; the format is described next to the vectors.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: trace <output folder>")
		os.Exit(2)
	}
	traces := []trace{handWritten()}
	for _, s := range scenarios {
		traces = append(traces, s.run())
	}
	for _, t := range traces {
		if err := os.WriteFile(filepath.Join(os.Args[1], t.Scenario+".json"), render(t), 0o644); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

// render writes one step a line, so that a changed vector shows as a readable difference.
func render(t trace) []byte {
	steps := t.Endpoints
	t.Endpoints = nil
	head, _ := json.Marshal(t)
	var out bytes.Buffer
	out.Write(bytes.TrimSuffix(head, []byte(`"endpoints":null}`)))
	out.WriteString("\n\"endpoints\":[\n")
	for i, e := range steps {
		if i > 0 {
			out.WriteString(",\n")
		}
		all := e.Steps
		e.Steps = nil
		head, _ := json.Marshal(e)
		out.Write(bytes.TrimSuffix(head, []byte(`"steps":null}`)))
		out.WriteString("\"steps\":[\n")
		for k, s := range all {
			line, _ := json.Marshal(s)
			out.Write(line)
			if k < len(all)-1 {
				out.WriteByte(',')
			}
			out.WriteByte('\n')
		}
		out.WriteString("]}")
	}
	out.WriteString("\n]}\n")
	return out.Bytes()
}
