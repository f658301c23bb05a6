// SPDX-License-Identifier: MIT

/*
 * A ptrace(2) that can set a part of the extended CPU state (XSAVE area). scripts/kernel
 * preloads it into User-Mode Linux.
 *
 * User-Mode Linux 6.1 to 6.12 stores 2696 bytes of this state per process, which is enough
 * for AVX-512. On CPUs with more state (AMX: 11008 bytes), the host rejects a partial
 * PTRACE_SETREGSET with EFAULT. Therefore read the complete state, overwrite its beginning
 * with the given bytes, and set the complete state. Processes of the throwaway kernel have no
 * permission to use the remaining state.
 */
#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* Static, because User-Mode Linux calls ptrace from 16 KiB kernel stacks. Only one of its
   threads does so. */
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
		/* The system call stores the word in memory; the C library's ptrace returns it. */
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
