// The few protobuf wire types that our messages need (https://protobuf.dev/programming-guides/encoding/).

const encoder = new TextEncoder();
const VARINT = 0;
const LENGTH_DELIMITED = 2;

/** Writes one message, field by field. Empty texts and false are left out, as proto3 has it. */
export class ProtobufWriter {
  #bytes = new Uint8Array(256);
  #length = 0;

  text(field: number, value: string | undefined): this {
    return value === undefined || value === "" ? this : this.#delimited(field, encoder.encode(value));
  }

  flag(field: number, value: boolean | undefined): this {
    if (value !== true) return this;
    this.#varint(field * 8 + VARINT);
    this.#varint(1);
    return this;
  }

  /** A nested message; written even when empty, for its presence says something. */
  message(field: number, write: (writer: ProtobufWriter) => void): this {
    const inner = new ProtobufWriter();
    write(inner);
    return this.#delimited(field, inner.finish());
  }

  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #delimited(field: number, bytes: Uint8Array): this {
    this.#varint(field * 8 + LENGTH_DELIMITED);
    this.#varint(bytes.length);
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  #varint(value: number): void {
    this.#reserve(5);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest & 0x7f) | 0x80;
      rest = Math.floor(rest / 128);
    }
    this.#bytes[this.#length++] = rest;
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + more));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}
