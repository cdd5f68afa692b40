/**
 * The first whole millisecond that is not before a time: events have whole ones, so at or after the one is at or after the other.
 * An invalid date for what is no time.
 */
export const atOrAfter = (text: string): Date => {
  const isFiner = /\.\d{3}\d*[1-9]/.test(text)
  return new Date(new Date(text).getTime() + (isFiner ? 1 : 0))
}
