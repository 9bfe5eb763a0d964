// Command promql reads PromQL expressions, one a line, with the parser of Prometheus itself. For each it writes a line of JSON:
// the series that it selects, and the labels that it groups or joins by; or why it is no expression.
package main

import (
	"bufio"
	"encoding/json"
	"os"

	"github.com/prometheus/prometheus/promql/parser"
)

type matcher struct {
	Label    string `json:"label"`
	Operator string `json:"operator"`
	Value    string `json:"value"`
}

type expression struct {
	Selectors [][]matcher `json:"selectors"`
	Labels    []string    `json:"labels"`
	Error     string      `json:"error"`
}

func main() {
	lines, answers := bufio.NewScanner(os.Stdin), json.NewEncoder(os.Stdout)
	for lines.Scan() {
		if err := answers.Encode(read(lines.Text())); err != nil {
			os.Exit(1)
		}
	}
}

func read(text string) expression {
	found := expression{Selectors: [][]matcher{}, Labels: []string{}}
	tree, err := parser.NewParser(parser.Options{}).ParseExpr(text)
	if err != nil {
		found.Error = err.Error()
		return found
	}
	parser.Inspect(tree, func(node parser.Node, _ []parser.Node) error {
		switch node := node.(type) {
		case *parser.VectorSelector:
			var selector []matcher
			for _, it := range node.LabelMatchers {
				selector = append(selector, matcher{it.Name, it.Type.String(), it.Value})
			}
			found.Selectors = append(found.Selectors, selector)
		case *parser.AggregateExpr:
			found.Labels = append(found.Labels, node.Grouping...)
		case *parser.BinaryExpr:
			if node.VectorMatching != nil {
				found.Labels = append(found.Labels, node.VectorMatching.MatchingLabels...)
				found.Labels = append(found.Labels, node.VectorMatching.Include...)
			}
		}
		return nil
	})
	return found
}
