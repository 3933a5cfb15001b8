# For kafka.sh: what a broker needs that trusts nobody. Sourced, not run.
#
# DIR gets ca.pem, other-ca.pem, engine.pem and engine.key (the certificate of user `engine`), token.key and jwks.json (what
# tokens are signed with), and listeners: a line each of plain, mtls, scram, oauth, with its address.
# Users: `engine` and `newcomer`, by SCRAM with the passwords engine-secret and newcomer-secret.

# A key and a certificate signed by ca.pem.
certificate() { # DIR NAME EXTENSIONS
  openssl req -newkey rsa:2048 -nodes -subj "/CN=$2" -keyout "$1/$2.key" -out "$1/$2.csr" 2>/dev/null
  openssl x509 -req -in "$1/$2.csr" -CA "$1/ca.pem" -CAkey "$1/ca.key" -CAcreateserial -days 30 \
    -extfile <(echo "$3") -out "$1/$2.pem" 2>/dev/null
}

make_keys() { # DIR
  local ca
  for ca in ca other-ca; do
    openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=$ca" -keyout "$1/$ca.key" -out "$1/$ca.pem" 2>/dev/null
  done
  certificate "$1" broker "subjectAltName=IP:127.0.0.1,DNS:localhost"
  certificate "$1" engine "extendedKeyUsage=clientAuth"
  cat "$1/broker.key" "$1/broker.pem" >"$1/broker.store.pem"
  openssl genrsa -out "$1/token.key" 2048 2>/dev/null
  local modulus
  modulus=$(openssl rsa -in "$1/token.key" -noout -modulus | sed 's/^Modulus=//' |
    perl -ne 'chomp; print pack "H*", $_' | openssl base64 -A | tr '+/' '-_' | tr -d '=')
  echo '{"keys":[{"kty":"RSA","kid":"test","use":"sig","alg":"RS256","e":"AQAB","n":"'"$modulus"'"}]}' >"$1/jwks.json"
}

# Of a property that is given twice the last counts.
secure() { # DIR PLAIN CONTROLLER MTLS SCRAM OAUTH
  local dir=$1 plain=$2 controller=$3 mtls=$4 scram=$5 oauth=$6
  printf '%s 127.0.0.1:%s\n' plain "$plain" mtls "$mtls" scram "$scram" oauth "$oauth" >"$dir/listeners"
  cat <<PROPERTIES
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,MTLS:SSL,SCRAM:SASL_SSL,OAUTH:SASL_SSL
listeners=PLAINTEXT://127.0.0.1:$plain,CONTROLLER://127.0.0.1:$controller,MTLS://127.0.0.1:$mtls,SCRAM://127.0.0.1:$scram,OAUTH://127.0.0.1:$oauth
advertised.listeners=PLAINTEXT://127.0.0.1:$plain,MTLS://127.0.0.1:$mtls,SCRAM://127.0.0.1:$scram,OAUTH://127.0.0.1:$oauth
controller.quorum.voters=1@127.0.0.1:$controller
log.dirs=$dir/data
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
ssl.keystore.type=PEM
ssl.keystore.location=$dir/broker.store.pem
ssl.truststore.type=PEM
ssl.truststore.location=$dir/ca.pem
listener.name.mtls.ssl.client.auth=required
ssl.principal.mapping.rules=RULE:^CN=([^,]+).*\$/\$1/
sasl.enabled.mechanisms=SCRAM-SHA-512,OAUTHBEARER
listener.name.scram.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.scram.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.oauth.sasl.enabled.mechanisms=OAUTHBEARER
listener.name.oauth.oauthbearer.sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;
listener.name.oauth.oauthbearer.sasl.server.callback.handler.class=org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallbackHandler
listener.name.oauth.sasl.oauthbearer.jwks.endpoint.url=file://$dir/jwks.json
listener.name.oauth.sasl.oauthbearer.expected.audience=kafka
listener.name.oauth.oauthbearer.connections.max.reauth.ms=5000
PROPERTIES
}
