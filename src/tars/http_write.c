// http_write.c - responses, and what headers can hold.
#include "tars/http.h"

#include <stdio.h>
#include <string.h>

static const struct {
	int status;
	const char *text;
} texts[] = {
        {100, "Continue"},
        {200, "OK"},
        {204, "No Content"},
        {400, "Bad Request"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {411, "Length Required"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
};

const char *kp_http_status_text(int status)
{
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (texts[i].status == status)
			return texts[i].text;
	return "Unknown";
}

// civil turns days since 1970 into a date (H. Hinnant's algorithm, years from 0000-03-01).
static void civil(int64_t days, int *year, int *month, int *day)
{
	days += 719468;
	int64_t era = (days >= 0 ? days : days - 146096) / 146097;
	int64_t of_era = days - era * 146097;
	int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t shifted = (5 * of_year + 2) / 153;
	*day = (int)(of_year - (153 * shifted + 2) / 5 + 1);
	*month = (int)(shifted < 10 ? shifted + 3 : shifted - 9);
	*year = (int)(year_of_era + era * 400 + (*month <= 2));
}

void kp_http_date_format(int64_t unix_s, char text[KP_HTTP_DATE_SIZE])
{
	static const char days[] = "ThuFriSatSunMonTueWed";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	int64_t last_s = INT64_C(253402300799); // of the year 9999
	if (unix_s < 0 || unix_s > last_s)
		unix_s = unix_s < 0 ? 0 : last_s;
	int64_t day = unix_s / 86400;
	unsigned left = (unsigned)(unix_s % 86400);
	int year, month, day_of_month;
	civil(day, &year, &month, &day_of_month);
	snprintf(text, KP_HTTP_DATE_SIZE, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT",
	         days + day % 7 * 3, (unsigned)day_of_month % 100, months + ((size_t)month - 1) * 3,
	         (unsigned)year % 10000, left / 3600 % 100, left / 60 % 60, left % 60);
}

void kp_http_response_begin(struct kp_buf *out, int status)
{
	kp_buf_printf(out, "HTTP/1.1 %d %s\r\n", status, kp_http_status_text(status));
}

// holds tells whether a byte may stand in a value; bytes beyond ASCII may, but are nobody's text.
static bool holds(uint8_t c)
{
	return (c >= ' ' && c != 0x7f) || c == '\t';
}

void kp_http_header(struct kp_buf *out, const char *name, struct kp_str value)
{
	kp_buf_append_str(out, kp_str(name));
	kp_buf_append_str(out, kp_str(": "));
	for (size_t i = 0; i < value.len; i++)
		kp_buf_append_byte(out, holds((uint8_t)value.ptr[i]) ? (uint8_t)value.ptr[i] : ' ');
	kp_buf_append_str(out, kp_str("\r\n"));
}

void kp_http_response_end(struct kp_buf *out, struct kp_bytes body, bool is_head)
{
	kp_buf_printf(out, "Content-Length: %zu\r\n\r\n", body.len);
	if (!is_head)
		kp_buf_append(out, body.ptr, body.len);
}

static bool is_plain(uint8_t c, bool is_name)
{
	if (c == '%' || c >= 0x7f || c <= ' ')
		return !is_name && c == ' ';
	return !is_name || !strchr("\"(),/:;<=>?@[\\]{}", c);
}

void kp_http_escape(struct kp_buf *out, struct kp_str text, bool is_name)
{
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = (uint8_t)text.ptr[i];
		bool is_edge = c == ' ' && (i == 0 || i + 1 == text.len); // would be trimmed
		if (is_plain(c, is_name) && !is_edge)
			kp_buf_append_byte(out, c);
		else
			kp_buf_printf(out, "%%%02X", c);
	}
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

struct kp_str kp_http_unescape(char *text, size_t len)
{
	size_t to = 0;
	for (size_t from = 0; from < len; to++) {
		int high = len - from > 2 && text[from] == '%' ? hex_digit(text[from + 1]) : -1;
		int low = high >= 0 ? hex_digit(text[from + 2]) : -1;
		text[to] = low >= 0 ? (char)(high * 16 + low) : text[from];
		from += low >= 0 ? 3 : 1;
	}
	return (struct kp_str){text, to};
}
