// drive.c - calls echo as fast as the server answers, over some connections, and checks every
// answer.
#include "drive.h"

#include "base/mem.h"
#include "base/try.h"
#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	SILENCE_MAX_MS = 5000,
	EVENTS_MAX = 64,
	SLOT_BITS = 12,
	ID_BASE = 1 << 24,    // keeps every id in the four-byte form
	SAMPLE_INTERVAL = 64, // of a slot's answers, one in so many is compared byte by byte
};

enum phase {
	WARMING,
	MEASURING,
	ENDING, // no new requests; waiting for the last answers
};

// A slot holds one call in flight.
struct slot {
	uint32_t round;
	int64_t sent_ns;
};

struct lane {
	int fd;
	bool is_blocked; // waits until the socket takes more
	uint8_t *out;    // owned; room for every call that can be in flight
	size_t out_len;
	uint8_t *in; // owned
	size_t in_len;
	struct slot *slots; // owned
};

struct drive {
	const struct drive_options *options;
	struct kp_why *why;
	int epoll_fd;
	struct lane *lanes; // owned
	uint8_t *frame;     // owned; the request, whose id alone changes
	size_t frame_size;
	size_t id_offset;
	const uint8_t *bytes; // what is sent, a view into the frame
	size_t in_cap;        // of each lane
	int in_flight;

	enum phase phase;
	clockid_t server_clock;
	int64_t phase_start_ns;
	int64_t server_start_ns;
	int64_t own_start_ns;
	struct drive_result *result;
};

static int64_t clock_ns(clockid_t clock)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static uint32_t slot_id(uint32_t slot, uint32_t round)
{
	return ID_BASE | (round << SLOT_BITS & (ID_BASE - 1)) | slot;
}

static void encode_request(struct drive *drive, uint8_t *frame)
{
	size_t id_offset, bytes_offset;
	wire_request_encode(frame, drive->bytes, drive->options->size, &id_offset, &bytes_offset);
}

static void push_request(struct drive *drive, struct lane *lane, uint32_t index, int64_t now_ns)
{
	struct slot *slot = &lane->slots[index];
	slot->round++;
	slot->sent_ns = now_ns;
	uint8_t *frame = lane->out + lane->out_len;
	if (drive->options->is_fresh)
		encode_request(drive, frame);
	else
		memcpy(frame, drive->frame, drive->frame_size);
	wire_set_id(frame, drive->id_offset, slot_id(index, slot->round));
	lane->out_len += drive->frame_size;
	drive->in_flight++;
}

static kp_err watch(struct drive *drive, struct lane *lane, int operation, bool is_blocked)
{
	struct epoll_event event = {
	        .events = is_blocked ? EPOLLIN | EPOLLOUT : EPOLLIN,
	        .data.ptr = lane,
	};
	if (epoll_ctl(drive->epoll_fd, operation, lane->fd, &event) != 0)
		return kp_why_set(drive->why, KP_ERR_IO, "cannot watch a connection: %s",
		                  strerror(errno));
	lane->is_blocked = is_blocked;
	return KP_OK;
}

static kp_err flush(struct drive *drive, struct lane *lane)
{
	if (lane->out_len == 0)
		return KP_OK;
	ssize_t sent = send(lane->fd, lane->out, lane->out_len, MSG_NOSIGNAL);
	if (sent < 0 && errno != EAGAIN)
		return kp_why_set(drive->why, KP_ERR_CLOSED, "the server closed a connection: %s",
		                  strerror(errno));
	size_t taken = sent < 0 ? 0 : (size_t)sent;
	lane->out_len -= taken;
	if (lane->out_len)
		memmove(lane->out, lane->out + taken, lane->out_len);
	bool is_blocked = lane->out_len > 0;
	return is_blocked == lane->is_blocked ? KP_OK
	                                      : watch(drive, lane, EPOLL_CTL_MOD, is_blocked);
}

// check_answer finds the slot that a frame answers, and checks all that a right answer promises.
static kp_err check_answer(struct drive *drive, struct lane *lane, const uint8_t *frame,
                           size_t size, uint32_t *ret_index)
{
	struct wire_answer answer;
	if (wire_answer_decode(frame, size, &answer) != KP_OK)
		return kp_why_set(drive->why, KP_ERR_CORRUPT, "an answer of %zu bytes is malformed",
		                  size);
	uint32_t index = (uint32_t)answer.id & ((1 << SLOT_BITS) - 1);
	if (index >= (uint32_t)drive->options->outstanding ||
	    (uint32_t)answer.id != slot_id(index, lane->slots[index].round) ||
	    lane->slots[index].sent_ns == 0)
		return kp_why_set(drive->why, KP_ERR_CORRUPT,
		                  "nobody asked for an answer to call %d", answer.id);
	if (answer.code != 0 || answer.result != 0)
		return kp_why_set(drive->why, KP_ERR_CORRUPT, "a call failed: iRet %d, result %d",
		                  answer.code, answer.result);
	if (answer.len != drive->options->size)
		return kp_why_set(drive->why, KP_ERR_CORRUPT, "an answer has %zu bytes, not %zu",
		                  answer.len, drive->options->size);
	if (lane->slots[index].round % SAMPLE_INTERVAL == 1 &&
	    memcmp(answer.bytes, drive->bytes, answer.len) != 0)
		return kp_why_set(drive->why, KP_ERR_CORRUPT, "an answer has the wrong bytes");
	*ret_index = index;
	return KP_OK;
}

// on_answer takes the answer in a frame, and lets the next request take its place.
static kp_err on_answer(struct drive *drive, struct lane *lane, const uint8_t *frame, size_t size,
                        int64_t now_ns)
{
	uint32_t index = 0;
	KP_TRY(check_answer(drive, lane, frame, size, &index));
	struct slot *slot = &lane->slots[index];
	histogram_add(&drive->result->latency, now_ns - slot->sent_ns);
	slot->sent_ns = 0;
	drive->in_flight--;
	if (drive->phase != ENDING)
		push_request(drive, lane, index, now_ns);
	return KP_OK;
}

static kp_err on_readable(struct drive *drive, struct lane *lane)
{
	ssize_t got = recv(lane->fd, lane->in + lane->in_len, drive->in_cap - lane->in_len, 0);
	if (got < 0 && errno == EAGAIN)
		return KP_OK;
	if (got <= 0)
		return kp_why_set(drive->why, KP_ERR_CLOSED,
		                  "the server closed a connection with calls in flight");
	lane->in_len += (size_t)got;

	int64_t now_ns = clock_ns(CLOCK_MONOTONIC);
	size_t used = 0;
	for (;;) {
		size_t size;
		if (wire_frame_size(lane->in + used, lane->in_len - used, &size) != KP_OK ||
		    size > drive->in_cap)
			return kp_why_set(
			        drive->why, KP_ERR_CORRUPT,
			        "what came back is no frame, or far too long for an answer");
		if (size == 0 || size > lane->in_len - used)
			break;
		KP_TRY(on_answer(drive, lane, lane->in + used, size, now_ns));
		used += size;
	}
	lane->in_len -= used;
	if (lane->in_len)
		memmove(lane->in, lane->in + used, lane->in_len);
	return KP_OK;
}

static void start_measuring(struct drive *drive, int64_t now_ns)
{
	*drive->result = (struct drive_result){0};
	drive->phase = MEASURING;
	drive->phase_start_ns = now_ns;
	if (drive->options->has_marks)
		kill(drive->options->pid, SIGUSR1);
	if (drive->options->pid)
		drive->server_start_ns = clock_ns(drive->server_clock);
	drive->own_start_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

static void stop_measuring(struct drive *drive, int64_t now_ns, struct drive_result *ret)
{
	*ret = *drive->result;
	ret->calls = ret->latency.count;
	ret->elapsed_ns = now_ns - drive->phase_start_ns;
	ret->own_cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - drive->own_start_ns;
	ret->server_cpu_ns = -1;
	if (drive->options->pid)
		ret->server_cpu_ns = clock_ns(drive->server_clock) - drive->server_start_ns;
	if (drive->options->has_marks)
		kill(drive->options->pid, SIGUSR1);
	drive->phase = ENDING;
	drive->phase_start_ns = now_ns;
}

static void step_phase(struct drive *drive, struct drive_result *ret)
{
	int64_t now_ns = clock_ns(CLOCK_MONOTONIC);
	int64_t spent_ns = now_ns - drive->phase_start_ns;
	uint64_t calls = drive->options->calls;
	if (drive->phase == WARMING && spent_ns >= drive->options->warmup_ns)
		start_measuring(drive, now_ns);
	else if (drive->phase == MEASURING && (spent_ns >= drive->options->duration_ns ||
	                                       (calls && drive->result->latency.count >= calls)))
		stop_measuring(drive, now_ns, ret);
}

static kp_err on_event(struct drive *drive, struct lane *lane)
{
	KP_TRY(on_readable(drive, lane));
	return flush(drive, lane);
}

static kp_err silence(struct drive *drive)
{
	return kp_why_set(drive->why, KP_ERR_TIMEOUT,
	                  "the server left %d calls without an answer for %d s", drive->in_flight,
	                  SILENCE_MAX_MS / 1000);
}

static kp_err run_phases(struct drive *drive, struct drive_result *ret)
{
	struct epoll_event events[EVENTS_MAX];
	while (drive->phase != ENDING || drive->in_flight > 0) {
		int count = epoll_wait(drive->epoll_fd, events, EVENTS_MAX, SILENCE_MAX_MS);
		if (count == 0)
			return silence(drive);
		if (count < 0 && errno != EINTR)
			return kp_why_set(drive->why, KP_ERR_IO, "cannot wait: %s",
			                  strerror(errno));
		for (int i = 0; i < count; i++)
			KP_TRY(on_event(drive, events[i].data.ptr));
		step_phase(drive, ret);
		if (drive->phase == ENDING &&
		    clock_ns(CLOCK_MONOTONIC) - drive->phase_start_ns > SILENCE_MAX_MS * 1000000LL)
			return silence(drive);
	}
	return KP_OK;
}

static kp_err connect_to(struct drive *drive, int fd)
{
	const struct drive_options *options = drive->options;
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(options->port)};
	if (inet_pton(AF_INET, options->host, &address.sin_addr) != 1)
		return kp_why_set(drive->why, KP_ERR_INVALID, "%s is no IPv4 address",
		                  options->host);
	// connect gives up with the send time-out.
	struct timeval patience = {.tv_sec = SILENCE_MAX_MS / 1000};
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		return kp_why_set(drive->why, KP_ERR_CONNECT, "no server answers on %s:%u: %s",
		                  options->host, options->port, strerror(errno));
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	return KP_OK;
}

static kp_err lane_init(struct drive *drive, struct lane *lane)
{
	size_t outstanding = (size_t)drive->options->outstanding;
	lane->out = kp_alloc(outstanding * drive->frame_size);
	lane->in = kp_alloc(drive->in_cap);
	lane->slots = kp_alloc_zero(outstanding, sizeof(*lane->slots));
	if (!lane->out || !lane->in || !lane->slots)
		return KP_ERR_NOMEM;
	lane->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (lane->fd < 0)
		return kp_why_set(drive->why, KP_ERR_IO, "cannot open a socket: %s",
		                  strerror(errno));
	KP_TRY(connect_to(drive, lane->fd));
	return watch(drive, lane, EPOLL_CTL_ADD, false);
}

static kp_err open_lanes(struct drive *drive)
{
	int count = drive->options->connections;
	drive->lanes = kp_alloc_zero((size_t)count, sizeof(*drive->lanes));
	if (!drive->lanes)
		return KP_ERR_NOMEM;
	for (int i = 0; i < count; i++)
		drive->lanes[i].fd = -1;
	for (int i = 0; i < count; i++)
		KP_TRY(lane_init(drive, &drive->lanes[i]));
	return KP_OK;
}

static kp_err build_request(struct drive *drive)
{
	size_t size = drive->options->size;
	kp_cleanup(kp_freep) uint8_t *bytes = kp_alloc(size + 1);
	drive->frame = kp_alloc(size + WIRE_REQUEST_HEAD_MAX);
	if (!bytes || !drive->frame)
		return KP_ERR_NOMEM;
	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(i * 31 + 7);
	size_t bytes_offset;
	drive->frame_size =
	        wire_request_encode(drive->frame, bytes, size, &drive->id_offset, &bytes_offset);
	drive->bytes = drive->frame + bytes_offset;
	// Room for all right answers, and for the text of a wrong one.
	drive->in_cap = (size_t)drive->options->outstanding * (size + WIRE_ANSWER_HEAD_MAX) + 4096;
	return KP_OK;
}

static kp_err find_server_clock(struct drive *drive)
{
	if (drive->options->pid == 0)
		return KP_OK;
	struct timespec now;
	int error = clock_getcpuclockid(drive->options->pid, &drive->server_clock);
	if (error || clock_gettime(drive->server_clock, &now) != 0)
		return kp_why_set(drive->why, KP_ERR_NOTFOUND,
		                  "cannot read the CPU time of process %d",
		                  (int)drive->options->pid);
	return KP_OK;
}

static kp_err start(struct drive *drive)
{
	KP_TRY(find_server_clock(drive));
	KP_TRY(build_request(drive));
	drive->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (drive->epoll_fd < 0)
		return kp_why_set(drive->why, KP_ERR_IO, "cannot open epoll: %s", strerror(errno));
	KP_TRY(open_lanes(drive));

	drive->phase_start_ns = clock_ns(CLOCK_MONOTONIC);
	for (int i = 0; i < drive->options->connections; i++) {
		for (int slot = 0; slot < drive->options->outstanding; slot++)
			push_request(drive, &drive->lanes[i], (uint32_t)slot,
			             drive->phase_start_ns);
		KP_TRY(flush(drive, &drive->lanes[i]));
	}
	return KP_OK;
}

static void drive_fini(struct drive *drive)
{
	for (int i = 0; drive->lanes && i < drive->options->connections; i++) {
		struct lane *lane = &drive->lanes[i];
		if (lane->fd >= 0)
			close(lane->fd);
		kp_free(lane->out);
		kp_free(lane->in);
		kp_free(lane->slots);
	}
	if (drive->epoll_fd >= 0)
		close(drive->epoll_fd);
	kp_free(drive->lanes);
	kp_free(drive->frame);
	kp_free(drive->result);
}

static bool is_sensible(const struct drive_options *options)
{
	return options->connections >= 1 && options->connections <= 1024 &&
	       options->outstanding >= 1 && options->outstanding <= 1 << SLOT_BITS &&
	       options->size <= 1024 * 1024 && options->warmup_ns >= 0 &&
	       options->duration_ns > 0 && (!options->has_marks || options->pid > 0);
}

kp_err drive_run(const struct drive_options *options, struct drive_result *ret, struct kp_why *why)
{
	if (!is_sensible(options))
		return kp_why_set(
		        why, KP_ERR_INVALID,
		        "1 to 1024 connections with 1 to 4096 calls of at most 1 MiB each");
	struct drive drive = {.options = options, .why = why, .epoll_fd = -1};
	drive.result = kp_new(struct drive_result);
	kp_err err = drive.result ? start(&drive) : KP_ERR_NOMEM;
	if (err == KP_OK)
		err = run_phases(&drive, ret);
	if (err == KP_ERR_NOMEM)
		kp_why_set(why, err, "out of memory");
	drive_fini(&drive);
	return err;
}
