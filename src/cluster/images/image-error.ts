/** An image that cannot be built or imported; the message says what was wrong with it. */
export class ImageError extends Error {
  override readonly name = "ImageError";
}
