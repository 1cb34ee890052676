// fiber_x86_64.S - entering a fiber, for the System V ABI: six callee-saved registers and the stack pointer.
	.text
	.globl kp_switch_in
	.hidden kp_switch_in
	.type kp_switch_in, @function
	.p2align 4
kp_switch_in:
	.cfi_startproc
	endbr64
	pushq %rbp
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, (%rdi)
	movq (%rsi), %rsp
	popq %rbp
	popq %rcx
	jmpq *%rcx
	.cfi_endproc
	.size kp_switch_in, .-kp_switch_in

// kp_switch_entry is where a new fiber starts, with the argument and the function on its stack.
	.globl kp_switch_entry
	.hidden kp_switch_entry
	.type kp_switch_entry, @function
kp_switch_entry:
	.cfi_startproc
	.cfi_undefined rip
	endbr64
	popq %rdi
	popq %rax
	callq *%rax
	ud2
	.cfi_endproc
	.size kp_switch_entry, .-kp_switch_entry
	.section .note.GNU-stack,"",@progbits
