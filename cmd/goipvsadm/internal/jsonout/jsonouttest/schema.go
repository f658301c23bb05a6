// Package jsonouttest validates JSON documents against docs/goipvsadm.schema.json in
// tests.
package jsonouttest

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// schemaFile is the path of the schema, relative to the module root.
const schemaFile = "docs/goipvsadm.schema.json"

// Schema returns the contents of the schema file.
func Schema(t *testing.T) []byte {
	t.Helper()
	b, err := readSchema()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// readSchema searches the current directory and its parents for the schema file.
func readSchema() ([]byte, error) {
	directory, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	for {
		b, err := os.ReadFile(filepath.Join(directory, schemaFile))
		if err == nil || directory == filepath.Dir(directory) {
			return b, err
		}
		directory = filepath.Dir(directory)
	}
}

// compileSchema compiles the schema once; an invalid schema is an error.
var compileSchema = sync.OnceValues(func() (*jsonschema.Schema, error) {
	b, err := readSchema()
	if err != nil {
		return nil, err
	}
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(schemaFile, schema); err != nil {
		return nil, err
	}
	return c.Compile(schemaFile)
})

// Validate validates a document.
func Validate(document []byte) error {
	schema, err := compileSchema()
	if err != nil {
		return err
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		return err
	}
	return schema.Validate(v)
}

// Decode validates a document and decodes it into v.
func Decode(t *testing.T, document []byte, v any) {
	t.Helper()
	if err := Validate(document); err != nil {
		t.Fatalf("%v\nin %s", err, document)
	}
	if err := json.Unmarshal(document, v); err != nil {
		t.Fatal(err)
	}
}
