// With an assembly file in the package, functions may lack a body, as those with
// go:linkname in codec_test.go do.
