/** The status codes of gRPC (grpc.io, "Status Codes") that a call ends with here. */
export const Code = {
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
} as const

/** A call's end that is not OK: its code, what people read, and trailers for programs. */
export class CallFailed extends Error {
  constructor(
    readonly code: (typeof Code)[keyof typeof Code],
    readonly details: string,
    readonly trailers: Readonly<Record<string, string>> = {},
  ) {
    super(details)
  }

  /** As HTTP/2 headers. They hold printable ASCII; anything else would end the call without any. */
  headers(): Record<string, string> {
    const trailers: Record<string, string> = {}
    for (const [name, value] of Object.entries(this.trailers)) trailers[name] = asciiOnly(value)
    const message = encodeURI(Buffer.from(this.details).toString()) // without lone surrogates
    return { 'grpc-status': String(this.code), 'grpc-message': message, ...trailers }
  }
}

const asciiOnly = (value: string): string => (/^[ -~]*$/.test(value) ? value : encodeURI(Buffer.from(value).toString()))
