// This file permits the bodyless functions in codec_test.go, see go:linkname.
