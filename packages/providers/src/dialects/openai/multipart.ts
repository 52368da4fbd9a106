/** Writes the configured model into a multipart/form-data body; files pass byte for byte. */
import type { BodyEdit, EditedBody } from "../../contract.ts";
import { BodyError } from "../../errors.ts";
import { scanForm, type Form, type FormPart } from "./multipart-scan.ts";
import { splice, type Edit } from "./splice.ts";

/** Throws BodyError. `includeUsage` has no meaning here. */
export function editMultipart(body: Buffer, contentType: string, edit: BodyEdit): EditedBody {
  const form = scanForm(body, contentType);
  const contentOf = (part: FormPart | undefined) => part && body.toString("utf8", part.start, part.end);
  const models = form.parts.filter(({ name }) => name === "model");
  return {
    bytes: edit.model === undefined ? body : splice(body, modelEdits(body, form, models, edit.model)),
    requestedModel: contentOf(models.at(-1)),
    stream: contentOf(form.parts.findLast(({ name }) => name === "stream")) === "true",
    usageWasAdded: false,
  };
}

/** Into each part of the name, for readers differ in which of two counts. */
function modelEdits(body: Buffer, form: Form, models: readonly FormPart[], model: string): Edit[] {
  // The client chose the boundary: it must not be able to end the part with the model's own name.
  if (model.includes(form.delimiter)) {
    throw new BodyError("INVALID_MULTIPART", 0, "the boundary occurs in the body");
  }
  const bytes = Buffer.from(model);
  if (models.length === 0) {
    const head = `${form.delimiter}\r\nContent-Disposition: form-data; name="model"\r\n\r\n`;
    return [{ start: form.close, end: form.close, bytes: Buffer.from(`${head}${model}\r\n`) }];
  }
  return models
    .filter(({ start, end }) => body.compare(bytes, 0, bytes.length, start, end) !== 0)
    .map(({ start, end }) => ({ start, end, bytes }));
}
