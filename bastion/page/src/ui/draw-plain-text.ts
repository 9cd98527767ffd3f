import { options, type VNode } from 'preact';
import { plainText } from './plain-text.ts';

/** Passes every text that the page draws through {@link plainText}, whichever view draws it. */
export function drawPlainTextOnly(): void {
  const before = options.vnode;
  options.vnode = (node: VNode) => {
    // A text is a node without a type whose properties are the text itself; Preact's types do not tell.
    const drawn: { readonly type: unknown; props: unknown } = node;
    if (drawn.type === null && typeof drawn.props === 'string') drawn.props = plainText(drawn.props);
    before?.(node);
  };
}
