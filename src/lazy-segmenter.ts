/**
 * Stands in for `Intl.Segmenter` in the bundle (see the build script): the library that lays out help makes one when
 * it is loaded, which takes a quarter of a whole preview, and needs it only for help.
 */
export class LazySegmenter {
  #segmenter: Intl.Segmenter | undefined;

  segment(text: string): Intl.Segments {
    // Written so that the bundler does not take this very one for what it replaces.
    this.#segmenter ??= new globalThis["Intl"]["Segmenter"]();
    return this.#segmenter.segment(text);
  }
}
