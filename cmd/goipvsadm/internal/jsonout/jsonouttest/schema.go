// SPDX-License-Identifier: MIT

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

// The compiled schemas. An invalid schema is an error.
var (
	published = sync.OnceValues(func() (*jsonschema.Schema, error) { return compile(func(any) {}) })
	strict    = sync.OnceValues(func() (*jsonschema.Schema, error) { return compile(forbidAdditional) })
)

// compile compiles the schema after adapt has modified it.
func compile(adapt func(schema any)) (*jsonschema.Schema, error) {
	b, err := readSchema()
	if err != nil {
		return nil, err
	}
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	adapt(schema)
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(schemaFile, schema); err != nil {
		return nil, err
	}
	return c.Compile(schemaFile)
}

// forbidAdditional makes all object types in a schema reject members that they do not
// define.
func forbidAdditional(schema any) {
	switch v := schema.(type) {
	case map[string]any:
		if v["type"] == "object" {
			v["additionalProperties"] = false
		}
		for _, member := range v {
			forbidAdditional(member)
		}
	case []any:
		for _, element := range v {
			forbidAdditional(element)
		}
	}
}

// Validate validates a document against a strict version of the schema, in which objects
// have no members other than those that the schema defines. The published schema allows
// others, so that a client that validates with it also accepts the output of later
// releases.
func Validate(document []byte) error { return validate(document, strict) }

// ValidatePublished validates a document against the schema as it is published.
func ValidatePublished(document []byte) error { return validate(document, published) }

func validate(document []byte, compiled func() (*jsonschema.Schema, error)) error {
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
