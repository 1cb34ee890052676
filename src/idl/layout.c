// layout.c - C's rules for where members go; nothing here is aligned to more than 8.
#include "idl/layout.h"

#define LAYOUT(T) ((struct idl_layout){sizeof(T), _Alignof(T)})

struct idl_layout idl_layout_of(const struct idl_type *type)
{
	switch (type->kind) {
	case KP_KIND_VOID:
		return (struct idl_layout){0, 1};
	case KP_KIND_BOOL:
		return LAYOUT(bool);
	case KP_KIND_I8:
	case KP_KIND_U8:
		return LAYOUT(int8_t);
	case KP_KIND_I16:
	case KP_KIND_U16:
		return LAYOUT(int16_t);
	case KP_KIND_I32:
	case KP_KIND_U32:
	case KP_KIND_ENUM:
		return LAYOUT(int32_t);
	case KP_KIND_I64:
		return LAYOUT(int64_t);
	case KP_KIND_F32:
		return LAYOUT(float);
	case KP_KIND_F64:
		return LAYOUT(double);
	case KP_KIND_STR:
	case KP_KIND_BYTES:
	case KP_KIND_LIST:
	case KP_KIND_MAP:
		return LAYOUT(struct kp_str);
	case KP_KIND_STRUCT:
		if (type->decl->layout.alignment)
			return type->decl->layout;
		break; // one that contains itself; reported
	}
	return (struct idl_layout){1, 1};
}

static uint32_t round_up(uint32_t size, uint32_t alignment)
{
	return (size + alignment - 1) / alignment * alignment;
}

uint32_t idl_layout_add(struct idl_layout *layout, const struct idl_type *type)
{
	struct idl_layout member = idl_layout_of(type);
	uint32_t offset = round_up(layout->size, member.alignment);
	layout->size = offset + member.size;
	if (layout->alignment < member.alignment)
		layout->alignment = member.alignment;
	return offset;
}

void idl_layout_end(struct idl_layout *layout)
{
	if (layout->size == 0)
		layout->size = 1;
	layout->size = round_up(layout->size, layout->alignment);
}
