/** Both at the same time. An error of either is thrown only when the other has ended, so that nothing is left running. */
export async function together<A, B>(first: Promise<A> | A, second: Promise<B> | B): Promise<readonly [A, B]> {
  const [a, b] = await Promise.allSettled([first, second])
  if (a.status === 'fulfilled' && b.status === 'fulfilled') return [a.value, b.value]
  throw a.status === 'rejected' ? a.reason : (b as PromiseRejectedResult).reason
}
