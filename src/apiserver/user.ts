// Who makes a request, and what proves it.

export interface UserInfo {
  readonly name: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

export interface Credentials {
  /** The verified client certificate's subject, when the connection has one that our client CA signed. */
  readonly clientCertificate?: {
    readonly commonName: string;
    readonly organizations: readonly string[] /** SHA-256 of the certificate, lower-case hex. */;
    readonly fingerprint?: string;
  };
  readonly bearerToken?: string;
}

export interface Authenticator {
  /** The user, undefined when these credentials are not of this authenticator's kind; throws Unauthorized when they are and fail. */
  authenticate(credentials: Credentials): Promise<UserInfo | undefined>;
}
