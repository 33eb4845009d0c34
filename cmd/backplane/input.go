package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// keyFromVariable reads a credential from the variable that a flag names; no
// name gives no key.
func keyFromVariable(flagName, name string) (string, error) {
	if name == "" {
		return "", nil
	}
	key := os.Getenv(name)
	if key == "" {
		return "", usagef("flag -%s: the variable %s is empty or not set", flagName, name)
	}
	return key, nil
}

// readObject decodes the JSON object in a file, or in stdin if name is "-".
func readObject(name string, stdin io.Reader) (map[string]any, error) {
	data, err := readInput(name, stdin)
	if err != nil {
		return nil, err
	}
	var object map[string]any
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	err = dec.Decode(&object)
	if err == nil && (object == nil || dec.More()) {
		err = errors.New("it must be one object")
	}
	if err != nil {
		return nil, usagef("%s is not a JSON object: %w", inputName(name), err)
	}
	return object, nil
}

// readInput reads a file, or stdin if name is "-".
func readInput(name string, stdin io.Reader) ([]byte, error) {
	if name == "-" {
		data, err := io.ReadAll(stdin)
		if err != nil {
			return nil, fmt.Errorf("read standard input: %w", err)
		}
		return data, nil
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, &codedError{exitUsage, err}
	}
	return data, nil
}

func inputName(name string) string {
	if name == "-" {
		return "standard input"
	}
	return name
}
