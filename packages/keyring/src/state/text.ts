/** Short texts in shared memory, for people to read: the rule that told, a model's name. */

/** Four characters a word; what is not printable ASCII becomes `?`. A torn read shows a mixed text and harms nothing. */
export function writeText(words: Int32Array, start: number, count: number, text: string): void {
  for (let word = 0; word < count; word++) {
    let packed = 0;
    for (let byte = 0; byte < 4; byte++) {
      const at = word * 4 + byte;
      const code = at < text.length ? text.charCodeAt(at) : 0;
      packed |= (code === 0 || (code >= 0x20 && code < 0x7f) ? code : 0x3f) << (byte * 8);
    }
    Atomics.store(words, start + word, packed);
  }
}

export function readText(words: Int32Array, start: number, count: number): string {
  let text = "";
  for (let word = 0; word < count; word++) {
    const packed = Atomics.load(words, start + word);
    for (let byte = 0; byte < 4; byte++) {
      const code = (packed >>> (byte * 8)) & 0xff;
      if (code === 0) return text;
      text += String.fromCharCode(code);
    }
  }
  return text;
}
