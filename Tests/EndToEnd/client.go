// Asks for a completion twice at once, whole and as a stream, with nothing but the standard library.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

func ask(url string, stream bool) (*http.Response, error) {
	body := fmt.Sprintf(`{"model": "llama", "prompt": "why", "max_tokens": 4, "stream": %v}`, stream)
	return http.Post(url, "application/json", strings.NewReader(body))
}

func whole(url string) error {
	response, err := ask(url, false)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var answer struct{ Choices []struct{ Text string } }
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return err
	}
	if response.StatusCode != 200 || len(answer.Choices) != 1 {
		return fmt.Errorf("status %d", response.StatusCode)
	}
	return nil
}

func streamed(url string) error {
	response, err := ask(url, true)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	last, events := "", 0
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "data: ") {
			last, events = strings.TrimPrefix(lines.Text(), "data: "), events+1
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	if last != "[DONE]" || events < 3 {
		return io.ErrUnexpectedEOF
	}
	return nil
}

func main() {
	results := make(chan error, 2)
	go func() { results <- whole(os.Args[1]) }()
	go func() { results <- streamed(os.Args[1]) }()
	for i := 0; i < 2; i++ {
		if err := <-results; err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	fmt.Println("ok")
}
