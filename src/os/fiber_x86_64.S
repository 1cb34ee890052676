// fiber_x86_64.S - kp_switch for the System V ABI: six callee-saved registers and the stack pointer.
	.text
	.globl kp_switch
	.hidden kp_switch
	.type kp_switch, @function
	.p2align 4
kp_switch:
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
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	popq %rbp
	ret
	.cfi_endproc
	.size kp_switch, .-kp_switch

// kp_switch_entry is where a new fiber starts: r12 holds its function, r13 the argument.
	.globl kp_switch_entry
	.hidden kp_switch_entry
	.type kp_switch_entry, @function
kp_switch_entry:
	.cfi_startproc
	.cfi_undefined rip
	endbr64
	movq %r13, %rdi
	callq *%r12
	ud2
	.cfi_endproc
	.size kp_switch_entry, .-kp_switch_entry
	.section .note.GNU-stack,"",@progbits
