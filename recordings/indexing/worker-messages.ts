import type { Compressed } from '../compress.ts';
import type { IndexRange, IndexSegment } from './index-format.ts';

/** What the worker is asked to do; one thing at a time. */
export type WorkerRequest =
  | { readonly kind: 'index'; readonly path: string; readonly range: IndexRange }
  | { readonly kind: 'compress'; readonly path: string; readonly sha256: string }
  /** The last segment has been stored: go on. */
  | { readonly kind: 'stored' };

/** What it answers. */
export type WorkerAnswer =
  | { readonly kind: 'segment'; readonly segment: IndexSegment }
  | { readonly kind: 'indexed' }
  | { readonly kind: 'compressed'; readonly result: Compressed }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string };
