#include "textflag.h"

// The program's entry point, where the linker is told so (-E main.entry). Where
// transparent huge pages are always on, the kernel would clear 2 MiB for the
// first object of the heap: as much work as all else that a short command does.
TEXT ·entry(SB),NOSPLIT|NOFRAME,$0
	MOVQ $41, DI // PR_SET_THP_DISABLE
	MOVQ $1, SI
	XORQ DX, DX
	XORQ R10, R10
	XORQ R8, R8
	MOVQ $157, AX // prctl
	SYSCALL
	JMP  _rt0_amd64_linux(SB)
