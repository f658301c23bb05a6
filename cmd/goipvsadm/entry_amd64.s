#include "textflag.h"

// The program's entry point, where the linker is told so (-E main.entry). What
// it settles takes effect before Go runs the first line of a program.
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

	// Go's monitor wants to look around every 20 µs at first, which is most of a
	// short command's life. All timers here may be late by as much as this.
	MOVQ $29, DI // PR_SET_TIMERSLACK
	MOVQ $400000, SI // ns
	MOVQ $157, AX
	SYSCALL

	// Nothing here takes memory profiles. The runtime settles that late, and takes
	// a first sample for the change alone, with a walk through tables of functions.
	MOVQ ·memProfileRate(SB), AX
	MOVQ $0, 0(AX)

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
