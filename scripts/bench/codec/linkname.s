// Lets the functions of codec_test.go that have no body be linked.
