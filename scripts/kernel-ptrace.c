/*
 * Preloaded into User-Mode Linux by scripts/kernel: a ptrace(2) that can set a part of
 * the extended state of a processor.
 *
 * User-Mode Linux 6.1 to 6.12 keeps 2696 bytes of it for each process, which is enough
 * for AVX-512. Where the processor has more (AMX: 11008), the host takes nothing but
 * the whole, and says EFAULT. So the whole is read first, the bytes that were given are
 * laid over its beginning, and the whole is set. What comes after them is
 * state that no process of the throwaway kernel has permission to use.
 */
#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* Not on the stack: User-Mode Linux calls from kernel stacks, of which 16 KiB are all.
   One thread of it uses ptrace. */
static char state[64 * 1024];

static long set_state(pid_t pid, const struct iovec *given)
{
	struct iovec whole = { state, sizeof state };

	if (syscall(SYS_ptrace, PTRACE_GETREGSET, pid, NT_X86_XSTATE, &whole) < 0)
		return -1;
	if (whole.iov_len <= given->iov_len)
		return syscall(SYS_ptrace, PTRACE_SETREGSET, pid, NT_X86_XSTATE, given);
	memcpy(state, given->iov_base, given->iov_len);
	return syscall(SYS_ptrace, PTRACE_SETREGSET, pid, NT_X86_XSTATE, &whole);
}

long ptrace(enum __ptrace_request request, ...)
{
	va_list arguments;
	pid_t pid;
	void *address, *data;
	long word, result;

	va_start(arguments, request);
	pid = va_arg(arguments, pid_t);
	address = va_arg(arguments, void *);
	data = va_arg(arguments, void *);
	va_end(arguments);

	switch (request) {
	case PTRACE_SETREGSET:
		if ((long)address == NT_X86_XSTATE)
			return set_state(pid, data);
		break;
	case PTRACE_PEEKTEXT:
	case PTRACE_PEEKDATA:
	case PTRACE_PEEKUSER:
		/* The system call puts the word in memory, the C library returns it. */
		result = syscall(SYS_ptrace, request, pid, address, &word);
		if (result < 0)
			return result;
		errno = 0;
		return word;
	default:
		break;
	}
	return syscall(SYS_ptrace, request, pid, address, data);
}
