# shellcheck shell=bash
#
# Makes the cluster's keys, certificates, tokens and kubeconfig files, new for every cluster.
#
# Needs a umask that keeps files private. Not for: certificates of the programs under test.

# shellcheck source=settings.sh source-path=SCRIPTDIR
source "${BASH_SOURCE[0]%/*}/settings.sh"
# shellcheck source=process.sh source-path=SCRIPTDIR
source "${BASH_SOURCE[0]%/*}/process.sh"

# Certificates hold from long ago: tests give a program a clock that is days off, and its connection must not
# fail for that reason.
certificates_valid_from=20200101000000Z
certificates_valid_until=20991231235959Z

# write_openssl_configuration: settings for "openssl ca", the one command here that takes a start date.
write_openssl_configuration() {
    cat >openssl.cnf <<'END'
[req]
distinguished_name = name
[name]
[ca]
default_ca = cluster
[cluster]
database = issued
new_certs_dir = .
certificate = ca.crt
private_key = ca.key
rand_serial = yes
default_md = sha256
policy = subject
email_in_dn = no
unique_subject = no
[subject]
commonName = supplied
organizationName = optional
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign, digitalSignature
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = @server_names
[client]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
[server_names]
IP.1 = 127.0.0.1
IP.2 = 10.96.0.1
DNS.1 = localhost
DNS.2 = kubernetes
DNS.3 = kubernetes.default
DNS.4 = kubernetes.default.svc
END
    : >issued
}

# issue_certificate NAME SUBJECT EXTENSIONS [ARGUMENT...]: makes NAME.key and NAME.crt.
issue_certificate() {
    local name=$1 subject=$2 extensions=$3
    shift 3
    openssl req -new -config openssl.cnf -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
        -subj "$subject" -keyout "$name.key" -out "$name.csr" &&
        openssl ca -batch -notext -config openssl.cnf -extensions "$extensions" \
            -startdate "$certificates_valid_from" -enddate "$certificates_valid_until" \
            -in "$name.csr" -out "$name.crt" "$@" &&
        rm "$name.csr"
}

# new_token: prints 256 random bits as text.
new_token() {
    openssl rand -hex 32
}

# write_kubeconfig FILE SERVER USER TOKEN: all in one file, nothing that it points to.
write_kubeconfig() {
    cat >"$1" <<END
apiVersion: v1
kind: Config
clusters:
- name: e2e
  cluster:
    server: $2
    certificate-authority-data: $(base64 --wrap=0 "$state/credentials/ca.crt")
users:
- name: $3
  user:
    token: $4
contexts:
- name: e2e
  context:
    cluster: e2e
    user: $3
current-context: e2e
END
}

# make_certificates: the authority, the API server's certificate, the one it shows to kubelets and the key
# that signs service account tokens, in credentials/.
make_certificates() {
    cd "$state/credentials" &&
        write_openssl_configuration &&
        issue_certificate ca "/CN=e2e-cluster authority" authority -selfsign -keyfile ca.key &&
        issue_certificate apiserver /CN=kube-apiserver server &&
        issue_certificate kubelet-client /CN=kube-apiserver client &&
        openssl genrsa -out service-account.key 2048 &&
        rm ./*.pem issued*
}

# make_credentials SERVER: certificates, and a token and a kubeconfig for the administrator and each
# component.
make_credentials() {
    local server=$1 component token
    mkdir "$state/credentials"
    if ! (make_certificates) >"$state/log/credentials.log" 2>&1; then
        show_component_logs credentials
        fail "openssl could not make the cluster's certificates"
    fi

    token=$(new_token)
    printf '%s,e2e-admin,e2e-admin,system:masters\n' "$token" >"$state/credentials/tokens.csv"
    write_kubeconfig "$kubeconfig" "$server" e2e-admin "$token"
    # The API server reads its tokens once: the node's are there from the start.
    for component in controller-manager scheduler kubelet; do
        token=$(new_token)
        printf '%s,system:%s,system:%s,system:masters\n' "$token" "$component" "$component" \
            >>"$state/credentials/tokens.csv"
        write_kubeconfig "$state/credentials/$component.kubeconfig" "$server" "system:$component" "$token"
    done
}
