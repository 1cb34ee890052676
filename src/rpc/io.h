// io.h - the buffers that one loop's connections share, so that an idle connection owns none.
//
// Bytes are received into blocks. A block is counted: the reader holds one reference, each call
// whose arguments look into it another; only when all are gone is it used again. All of it belongs
// to one loop.
#pragma once

#include "kipp/buf.h"
#include "os/loop.h"

enum {
	KP_BLOCK_SIZE = 64 << 10,
	KP_PART_SIZE = 4 << 10, // of a block for the beginning of a frame
};

struct kp_block {
	struct kp_io *io;
	struct kp_block *next; // in the free list
	size_t refs;
	size_t len; // bytes in use
	size_t cap;
	uint8_t *data; // owned
};

enum {
	KP_IO_BUFS_MAX = 1024,
	KP_IO_BLOCKS_MAX = 16,
	KP_IO_PARTS_MAX = 256,
};

// kp_batch is what one read brought a connection and is being handed on, frame by frame. A fiber
// does so and runs the handlers itself; when one of them waits, the fiber stays with that handler
// and another goes on with the batch.
struct kp_batch {
	struct kp_bytes rest;
	struct kp_block *block; // holds `rest`
	uint64_t serial;        // grows with each fiber that was left behind
	bool is_done;
	bool is_on_fiber; // what runs now is a batch's fiber
};

struct kp_io {
	struct kp_loop *loop; // borrowed
	struct kp_batch batch;
	struct kp_block *receiver; // the block that is read into; NULL: none yet
	struct kp_block *sealed;   // what TLS is read into; NULL: none yet
	struct kp_block *free_blocks;
	int free_block_count;
	struct kp_block *free_parts;
	int free_part_count;
	struct kp_buf free_bufs[KP_IO_BUFS_MAX];
	int free_buf_count;
	size_t free_buf_size; // of all of them
};

void kp_io_init(struct kp_io *io, struct kp_loop *loop);
// kp_io_fini frees all but the blocks that somebody still holds; there must be none.
void kp_io_fini(struct kp_io *io);

// kp_io_receiver returns a block with a fair amount of room behind its `len`, and at least
// `room_min` (at most KP_BLOCK_SIZE), or NULL when out of memory. The caller reads there and says
// with kp_io_received how much it got, once it has handed the bytes on.
struct kp_block *kp_io_receiver(struct kp_io *io, size_t room_min);
void kp_io_received(struct kp_io *io, size_t size);

// kp_block_new makes a block of its own for a large message. NULL when out of memory.
struct kp_block *kp_block_new(struct kp_io *io, size_t cap);
// kp_io_part is kp_block_new with a free list for small ones.
struct kp_block *kp_io_part(struct kp_io *io, size_t cap);
// kp_block_grow makes room for `cap` bytes in a block that nobody else holds.
bool kp_block_grow(struct kp_block *block, size_t cap);
struct kp_block *kp_block_ref(struct kp_block *block);
void kp_block_unref(struct kp_block *block);

// kp_io_take_buf and kp_io_give_buf lend send buffers.
struct kp_buf kp_io_take_buf(struct kp_io *io);
void kp_io_give_buf(struct kp_io *io, struct kp_buf *buf);
