// Runs the analyzers of istioctl on files, with the kinds that `istioctl analyze` reads from a cluster only, such as
// Service and Pod: a flag of the package does it, which the command does not have.
//
// It reads names of files from stdin, a set a line with spaces between, and prints a line of JSON for each set.
package main

import (
	"bufio"
	"encoding/json"
	"os"
	"strings"

	"istio.io/istio/pkg/config/analysis/analyzers"
	"istio.io/istio/pkg/config/analysis/local"
)

type message struct {
	Code    string `json:"code"`
	Level   string `json:"level"`
	Origin  string `json:"origin"`
	Message string `json:"message"`
}

type report struct {
	Files    string    `json:"files"`
	Messages []message `json:"messages"`
	Error    string    `json:"error"`
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		found, err := analyze(strings.Fields(lines.Text()))
		text := ""
		if err != nil {
			text = err.Error()
		}
		if err := out.Encode(report{lines.Text(), found, text}); err != nil {
			os.Exit(1)
		}
	}
}

func analyze(files []string) ([]message, error) {
	source := local.NewIstiodAnalyzer(analyzers.AllCombined(), "", "istio-system", nil)
	var readers []local.ReaderSource
	for _, name := range files {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		readers = append(readers, local.ReaderSource{Name: name, Reader: file})
	}
	// Documents that it cannot read are in the error; the command goes on too.
	unread := source.AddTestReaderKubeSource(readers)
	if err := source.AddDefaultResources(); err != nil {
		return nil, err
	}
	cancel := make(chan struct{})
	defer close(cancel)
	result, err := source.Analyze(cancel)
	if err != nil {
		return nil, err
	}
	found := []message{}
	for _, each := range result.Messages {
		data := each.Unstructured(false)
		text, _ := data["message"].(string)
		found = append(found, message{each.Type.Code(), each.Type.Level().String(), each.Origin(), text})
	}
	return found, unread
}
