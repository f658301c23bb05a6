// Package jsonouttest checks documents against docs/goipvsadm.schema.json,
// for tests.
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

// schemaFile is relative to the module.
const schemaFile = "docs/goipvsadm.schema.json"

// Schema returns the schema as it is in its file.
func Schema(t *testing.T) []byte {
	t.Helper()
	b, err := read()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// read finds the schema in a directory above the test's.
func read() ([]byte, error) {
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

// compiled is the schema, which is checked itself on the way.
var compiled = sync.OnceValues(func() (*jsonschema.Schema, error) {
	b, err := read()
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

// Validate checks a document.
func Validate(document []byte) error {
	schema, err := compiled()
	if err != nil {
		return err
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		return err
	}
	return schema.Validate(v)
}

// Decode checks a document and decodes it into v.
func Decode(t *testing.T, document []byte, v any) {
	t.Helper()
	if err := Validate(document); err != nil {
		t.Fatalf("%v\nin %s", err, document)
	}
	if err := json.Unmarshal(document, v); err != nil {
		t.Fatal(err)
	}
}
