#include "textflag.h"

// The program's entry point, where the linker is told so (-E main.entry). What
// it settles Go asks before it runs the first line of a program.
TEXT ·entry(SB),NOSPLIT|NOFRAME,$0
	// Where transparent huge pages are always on, the kernel would clear 2 MiB for
	// the first object of the heap: as much work as all else a short command does.
	MOVQ $41, DI // PR_SET_THP_DISABLE
	MOVQ $1, SI
	XORQ DX, DX
	XORQ R10, R10
	XORQ R8, R8
	MOVQ $157, AX // prctl
	SYSCALL

	// For each processor Go starts a thread and memory of its own, before there is
	// work for two. So argc, argv and its nil move down by a word, and what was the
	// nil becomes the first word of the environment.
	MOVQ SP, SI
	SUBQ $8, SP
	MOVQ SP, DI
	MOVQ 0(SI), CX
	ADDQ $2, CX
	CLD
	REP; MOVSQ
	LEAQ ·oneProcessor(SB), AX
	MOVQ AX, 0(DI)
	JMP  _rt0_amd64_linux(SB)

DATA ·oneProcessor+0(SB)/8, $"GOMAXPRO"
DATA ·oneProcessor+8(SB)/8, $"CS=1\x00\x00\x00\x00"
GLOBL ·oneProcessor(SB), RODATA|NOPTR, $16
