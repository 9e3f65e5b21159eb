/**
 * Asks every call of a gRPC server who it is, before a byte of its message is read. Which authenticator asks is decided
 * by the call's path, so that peers and administrators have credentials of their own. What is refused reaches no handler.
 */
import {
  type Metadata,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
} from "@grpc/grpc-js";
import { assert } from "../errors.ts";
import type { Authenticator, Credentials } from "./authenticator.ts";
import type { CertificateNames } from "./certificate-tenant.ts";
import type { Identity } from "./identity.ts";

/** A status as an interceptor sends it; grpc-js does not export this type. */
type SentStatus = Parameters<ServerInterceptingCallInterface["sendStatus"]>[0];

/** Who each call is, by its metadata: the one object that interceptor and handler both have. */
const identities = new WeakMap<Metadata, Identity>();

/** Who the call with this metadata is. Only for handlers of a server with the interceptor below. */
export function identityOf(metadata: Metadata): Identity {
  const identity = identities.get(metadata);
  assert(identity !== undefined, "every call has been asked who it is");
  return identity;
}

export interface IdentityInterceptorParts {
  /** Undefined: a call of that path may be anybody's, as health is. Its handler must not ask for an identity. */
  readonly authenticatorOf: (path: string) => Authenticator | undefined;
  /** The status for what an authenticator throws. */
  readonly toStatus: (reason: unknown) => SentStatus;
}

export function createIdentityInterceptor({ authenticatorOf, toStatus }: IdentityInterceptorParts): ServerInterceptor {
  return (method, call) => {
    const authenticator = authenticatorOf(method.path);
    if (authenticator === undefined) return new ServerInterceptingCall(call);
    return new ServerInterceptingCall(call, {
      start: (next) => {
        next({
          onReceiveMetadata: (metadata, nextMetadata) => {
            const pass = (identity: Identity): void => {
              identities.set(metadata, identity);
              nextMetadata(metadata);
            };
            try {
              const found = authenticator.authenticate(credentialsOf(metadata, call));
              if (found instanceof Promise) found.then(pass).catch((reason) => call.sendStatus(toStatus(reason)));
              else pass(found);
            } catch (reason) {
              call.sendStatus(toStatus(reason));
            }
          },
        });
      },
    });
  };
}

/** What a call shows. More than one `authorization` is none that can be believed. */
function credentialsOf(metadata: Metadata, call: ServerInterceptingCallInterface): Credentials {
  const values = metadata.get("authorization").map(String);
  return {
    authorization: values.length > 1 ? "" : values[0],
    // Asked for only where it decides: it is taken apart anew each time.
    get certificate() {
      return call.getAuthContext().sslPeerCertificate as CertificateNames | undefined;
    },
  };
}
