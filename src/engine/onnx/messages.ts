import { create, type DescMessage, type MessageShape } from "@bufbuild/protobuf";

/** A new message with the same (shared) field values, some of them replaced. Object spread would lose the fields' defaults. */
export function shallowCopy<Desc extends DescMessage>(
  schema: Desc,
  message: MessageShape<Desc>,
  replaced: Partial<MessageShape<Desc>> = {},
): MessageShape<Desc> {
  return Object.assign(create(schema), message, replaced);
}
