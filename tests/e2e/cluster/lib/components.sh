# shellcheck shell=bash
#
# The components of the cluster: etcd, the API server, the controller manager; their ports and flags, and when
# they are ready. All listen on loopback alone.
#
# Not for: the node (node.sh).

# shellcheck source=settings.sh source-path=SCRIPTDIR
source "${BASH_SOURCE[0]%/*}/settings.sh"
# shellcheck source=process.sh source-path=SCRIPTDIR
source "${BASH_SOURCE[0]%/*}/process.sh"

control_plane=(etcd kube-apiserver kube-controller-manager)

# is_port_free PORT: no TCP socket of this machine uses PORT, listening or not.
is_port_free() {
    local pattern
    pattern=$(printf '^ *[0-9]+: [0-9A-F]+:%04X ' "$1")
    ! grep -qE "$pattern" /proc/net/tcp /proc/net/tcp6 2>/dev/null
}

# choose_ports: chooses a free port for each listener and records them. The range lies below the ports that
# the kernel gives to outgoing connections and below Kubernetes' node ports. The lock of take_lock keeps two
# scripts from choosing the same.
choose_ports() {
    local ports=() port
    while ((${#ports[@]} < 3)); do
        port=$((20000 + RANDOM % 10000))
        if [[ " ${ports[*]} " != *" $port "* ]] && is_port_free "$port"; then
            ports+=("$port")
        fi
    done
    printf '%s\n' "${ports[*]}" >"$state/ports"
}

# read_ports: sets etcd_port, etcd_peer_port and apiserver_port.
read_ports() {
    read -r etcd_port etcd_peer_port apiserver_port <"$state/ports"
}

start_etcd() {
    read_ports
    component_start etcd etcd \
        --name=e2e \
        --data-dir="$state/etcd" \
        --listen-client-urls="http://127.0.0.1:$etcd_port" \
        --advertise-client-urls="http://127.0.0.1:$etcd_port" \
        --listen-peer-urls="http://127.0.0.1:$etcd_peer_port" \
        --initial-advertise-peer-urls="http://127.0.0.1:$etcd_peer_port" \
        --initial-cluster="e2e=http://127.0.0.1:$etcd_peer_port" \
        --unsafe-no-fsync
}

# record_apiserver_flags [FLAG...]: keeps the caller's flags, for start_apiserver now and after a stop.
record_apiserver_flags() {
    printf '%s\0' "$@" >"$state/apiserver-flags"
    (($#)) || : >"$state/apiserver-flags"
}

# start_apiserver: with the recorded flags after ours, so that they win.
start_apiserver() {
    local credentials=$state/credentials extra_flags
    read_ports
    mapfile -d '' extra_flags <"$state/apiserver-flags"
    # advertise-address: nothing reaches the API server by it, since no endpoint is written for it, but
    # without the flag the API server looks for an address of the machine, and fails where there is only
    # loopback.
    component_start kube-apiserver "$cache/bin/kube-apiserver" \
        --etcd-servers="http://127.0.0.1:$etcd_port" \
        --bind-address=127.0.0.1 \
        --secure-port="$apiserver_port" \
        --advertise-address=198.51.100.1 \
        --endpoint-reconciler-type=none \
        --service-cluster-ip-range=10.96.0.0/16 \
        --cert-dir="$credentials" \
        --tls-cert-file="$credentials/apiserver.crt" \
        --tls-private-key-file="$credentials/apiserver.key" \
        --client-ca-file="$credentials/ca.crt" \
        --token-auth-file="$credentials/tokens.csv" \
        --authorization-mode=RBAC \
        --service-account-issuer=https://kubernetes.default.svc \
        --service-account-key-file="$credentials/service-account.key" \
        --service-account-signing-key-file="$credentials/service-account.key" \
        --allow-privileged=true \
        --enable-aggregator-routing=true \
        --kubelet-preferred-address-types=InternalIP \
        --kubelet-client-certificate="$credentials/kubelet-client.crt" \
        --kubelet-client-key="$credentials/kubelet-client.key" \
        --feature-gates=ImageVolume=true \
        --profiling=false \
        "${extra_flags[@]}"
}

# start_controller_manager: without it namespaces never end, no default service account appears, volume claims
# keep their finalizer and nothing is garbage-collected.
start_controller_manager() {
    local credentials=$state/credentials
    component_start kube-controller-manager "$cache/bin/kube-controller-manager" \
        --kubeconfig="$credentials/controller-manager.kubeconfig" \
        --secure-port=0 \
        --leader-elect=false \
        --root-ca-file="$credentials/ca.crt" \
        --service-account-private-key-file="$credentials/service-account.key" \
        --cluster-signing-cert-file="$credentials/ca.crt" \
        --cluster-signing-key-file="$credentials/ca.key" \
        --feature-gates=ImageVolume=true \
        --profiling=false
}

# administer ARGUMENT...: kubectl on the cluster in the state directory, quietly.
administer() {
    "$(kubectl_program)" --kubeconfig "$kubeconfig" --request-timeout=5s "$@" >/dev/null 2>&1
}

# is_apiserver_ready: the API server runs and calls itself ready.
is_apiserver_ready() {
    component_process kube-apiserver >/dev/null && administer get --raw /readyz
}

# is_control_plane_running: every component's process is there, ready or not.
is_control_plane_running() {
    local name
    for name in "${control_plane[@]}"; do
        component_process "$name" >/dev/null || return 1
    done
}

# is_cluster_ready: every component runs and a pod can be created: that takes the default service account,
# which the controller manager makes.
is_cluster_ready() {
    is_control_plane_running && is_apiserver_ready &&
        administer get serviceaccount default --namespace default
}

# wait_until_ready CHECK LIMIT_S NAME...: polls CHECK. When one of the components NAME ends, or LIMIT_S
# seconds pass, it shows their logs and ends the script.
wait_until_ready() {
    local check=$1 limit_s=$2 started=$SECONDS report_at=$((SECONDS + 10)) name
    shift 2
    until "$check"; do
        for name in "$@"; do
            if ! component_process "$name" >/dev/null; then
                show_component_logs "$@"
                fail "$name has ended"
            fi
        done
        if ((SECONDS - started >= limit_s)); then
            show_component_logs "$@"
            fail "not ready after $limit_s s"
        fi
        if ((SECONDS >= report_at)); then
            say "not ready yet, $((SECONDS - started)) s of at most $limit_s s"
            report_at=$((SECONDS + 10))
        fi
        sleep 0.2
    done
}

# end_apiserver SIGNAL: an API server waits a minute for its open watches to end by themselves. Tests do not:
# it is killed after 2 seconds, as a machine that goes down would kill it.
end_apiserver() {
    component_end kube-apiserver "$1" 2
}

# end_control_plane: clients before servers, so that each can say goodbye.
end_control_plane() {
    component_end kube-controller-manager
    end_apiserver TERM
    component_end etcd
}
