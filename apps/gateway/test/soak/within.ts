/** What must happen soon, or never will: a soak ends there instead of waiting for its own end. */
const LIMIT_MS = 10_000;

export async function within<T>(what: string, awaited: Promise<T>): Promise<T> {
  const { promise: missed, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`not within ${LIMIT_MS} ms: ${what}`)), LIMIT_MS);
  try {
    return await Promise.race([awaited, missed]);
  } finally {
    clearTimeout(timer);
  }
}
