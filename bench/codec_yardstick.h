// codec_yardstick.h - another codec on the same values, to compare with.
#pragma once

#include "sample.h"

struct yardstick;

// yardstick_name is what the other codec is called; NULL: this build has none.
const char *yardstick_name(void);

// yardstick_new makes the messages from the values, which it keeps looking into. Returns NULL when
// out of memory or without a codec.
struct yardstick *yardstick_new(const struct sample_values *values);
// yardstick_follow takes the blob from where it is now.
void yardstick_follow(struct yardstick *yardstick, const struct sample_values *values);
void yardstick_free(struct yardstick *yardstick);

// yardstick_encode encodes one message and returns its size.
size_t yardstick_encode(struct yardstick *yardstick, enum sample_kind kind);

// yardstick_decode decodes what yardstick_encode has encoded last, of the same kind. Returns false
// if it cannot.
bool yardstick_decode(struct yardstick *yardstick, enum sample_kind kind);
