// Who is calling: HS256 tokens, verified against the current key and, while it is in its grace period, the previous one.
import { errors, jwtVerify, type JWTPayload } from "jose";

/** Why a caller was not let in; `reason` may be shown to the caller. */
export class Unauthorized extends Error {
  readonly statusCode = 401;

  constructor(reason: string) {
    super(reason);
    this.name = "Unauthorized";
  }
}

/** The token of an `Authorization: Bearer …` header. */
export function bearerToken(header: string | undefined): string {
  const token = /^Bearer +(\S+)$/i.exec(header ?? "")?.[1];
  if (!token) throw new Unauthorized("a bearer token is required");
  return token;
}

/**
 * Verifies a token against each key in turn.
 *
 * @param keys Current key first.
 * @throws Unauthorized when no key fits, or when one fits and the token has expired.
 */
export async function verifyToken(token: string, keys: readonly string[]): Promise<JWTPayload> {
  for (const key of keys) {
    try {
      const { payload } = await jwtVerify(token, new TextEncoder().encode(key), { algorithms: ["HS256"] });
      return payload;
    } catch (error) {
      if (error instanceof errors.JWSSignatureVerificationFailed) continue;
      throw new Unauthorized(error instanceof errors.JWTExpired ? "the token has expired" : "the token is not valid");
    }
  }
  throw new Unauthorized("the token is not valid");
}
