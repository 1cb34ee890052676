// io.c - receive blocks and send buffers of one loop.
#include "rpc/io.h"

#include "base/assert.h"
#include "base/mem.h"

enum {
	ROOM_MIN = 16 << 10,      // below it a fresh block is worth more than the rest of this one
	KEPT_BUF_MAX = 1 << 20,   // larger send buffers go back to the heap
	KEPT_BUFS_MAX = 32 << 20, // and so do all above this sum
};

void kp_io_init(struct kp_io *io, struct kp_loop *loop)
{
	*io = (struct kp_io){.loop = loop};
}

static void free_block(struct kp_block *block)
{
	kp_free(block->data);
	kp_free(block);
}

void kp_io_fini(struct kp_io *io)
{
	if (io->receiver)
		kp_block_unref(io->receiver);
	io->receiver = NULL;
	if (io->sealed)
		kp_block_unref(io->sealed);
	io->sealed = NULL;
	while (io->free_blocks) {
		struct kp_block *block = io->free_blocks;
		io->free_blocks = block->next;
		free_block(block);
	}
	while (io->free_parts) {
		struct kp_block *block = io->free_parts;
		io->free_parts = block->next;
		free_block(block);
	}
	while (io->free_buf_count > 0)
		kp_buf_fini(&io->free_bufs[--io->free_buf_count]);
}

struct kp_block *kp_block_new(struct kp_io *io, size_t cap)
{
	struct kp_block *block = kp_new(struct kp_block);
	if (!block)
		return NULL;
	*block = (struct kp_block){.io = io, .refs = 1, .cap = cap, .data = kp_alloc(cap)};
	if (!block->data) {
		kp_free(block);
		return NULL;
	}
	return block;
}

bool kp_block_grow(struct kp_block *block, size_t cap)
{
	kp_assert(block->refs == 1);
	uint8_t *data = kp_realloc(block->data, cap);
	if (!data)
		return false;
	block->data = data;
	block->cap = cap;
	return true;
}

struct kp_block *kp_block_ref(struct kp_block *block)
{
	block->refs++;
	return block;
}

void kp_block_unref(struct kp_block *block)
{
	if (--block->refs > 0)
		return;
	struct kp_io *io = block->io;
	if (block->cap == KP_PART_SIZE && io->free_part_count < KP_IO_PARTS_MAX) {
		block->next = io->free_parts;
		io->free_parts = block;
		io->free_part_count++;
		return;
	}
	if (block->cap != KP_BLOCK_SIZE || io->free_block_count >= KP_IO_BLOCKS_MAX) {
		free_block(block);
		return;
	}
	block->next = io->free_blocks;
	io->free_blocks = block;
	io->free_block_count++;
}

static struct kp_block *take_block(struct kp_io *io)
{
	struct kp_block *block = io->free_blocks;
	if (!block)
		return kp_block_new(io, KP_BLOCK_SIZE);
	io->free_blocks = block->next;
	io->free_block_count--;
	block->refs = 1;
	block->len = 0;
	return block;
}

struct kp_block *kp_io_part(struct kp_io *io, size_t cap)
{
	struct kp_block *block = cap == KP_PART_SIZE ? io->free_parts : NULL;
	if (!block)
		return kp_block_new(io, cap);
	io->free_parts = block->next;
	io->free_part_count--;
	block->refs = 1;
	block->len = 0;
	return block;
}

struct kp_block *kp_io_receiver(struct kp_io *io, size_t room_min)
{
	struct kp_block *block = io->receiver;
	if (block && block->refs == 1)
		block->len = 0;
	if (block && block->cap - block->len >= (room_min > ROOM_MIN ? room_min : ROOM_MIN))
		return block;
	if (block)
		kp_block_unref(block);
	io->receiver = take_block(io);
	return io->receiver;
}

void kp_io_received(struct kp_io *io, size_t size)
{
	if (io->receiver->refs > 1)
		io->receiver->len += size;
}

struct kp_buf kp_io_take_buf(struct kp_io *io)
{
	if (io->free_buf_count == 0)
		return (struct kp_buf){0};
	struct kp_buf buf = io->free_bufs[--io->free_buf_count];
	io->free_buf_size -= buf.cap;
	return buf;
}

static bool is_worth_keeping(const struct kp_io *io, const struct kp_buf *buf)
{
	return buf->cap > 0 && buf->cap <= KEPT_BUF_MAX && io->free_buf_count < KP_IO_BUFS_MAX &&
	       io->free_buf_size + buf->cap <= KEPT_BUFS_MAX;
}

void kp_io_give_buf(struct kp_io *io, struct kp_buf *buf)
{
	kp_buf_clear(buf);
	if (is_worth_keeping(io, buf)) {
		io->free_buf_size += buf->cap;
		io->free_bufs[io->free_buf_count++] = *buf;
	} else {
		kp_buf_fini(buf);
	}
	*buf = (struct kp_buf){0};
}
