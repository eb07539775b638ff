# shellcheck shell=bash
#
# A real node for the cluster: containerd, kubelet, scheduler, a bridge for the pods. One per machine: the
# bridge, whose name is fixed, is also the mark that there is one.
#
# Not for: images (import-image), the API server (components.sh).

# shellcheck source=settings.sh source-path=SCRIPTDIR
source "${BASH_SOURCE[0]%/*}/settings.sh"
# shellcheck source=process.sh source-path=SCRIPTDIR
source "${BASH_SOURCE[0]%/*}/process.sh"
# shellcheck source=components.sh source-path=SCRIPTDIR
source "${BASH_SOURCE[0]%/*}/components.sh"
# shellcheck source=build.sh source-path=SCRIPTDIR
source "${BASH_SOURCE[0]%/*}/build.sh"

node_components=(containerd apiserver-relay kube-scheduler kubelet)
node_bridge=openshell-e2e
# The node's own address, and the pods' way to it. Nothing routes this network to or from elsewhere.
node_address=10.240.0.1
node_pod_network=10.240.0.0/24
# The kubernetes Service. There is no kube-proxy: the address sits on the bridge, where a relay answers.
kubernetes_service=10.96.0.1
pause_image=e2e.invalid/pause:1

# Settings of the whole machine that a kubelet changes, below /proc/sys.
kernel_settings=(vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops
    kernel/keys/root_maxkeys kernel/keys/root_maxbytes)

node=$state/node
containerd_socket=$node/containerd.sock

# build_node: all that the node runs and Debian does not have, or not new enough.
build_node() {
    local command=github.com/containerd/containerd/v2/cmd
    build_kubernetes kubelet kube-scheduler pause
    build_programs "$cluster_directory/containerd" "-s -w" \
        "$command/containerd" "$command/containerd-shim-runc-v2" "$command/ctr"
}

# containerd_client ARGUMENT...: ctr on the node's containerd, where Kubernetes keeps its images and
# containers.
containerd_client() {
    "$cache/bin/ctr" --address "$containerd_socket" --namespace k8s.io "$@"
}

# bridge_index: prints the number that the kernel gave to the bridge, unique until the machine restarts.
bridge_index() {
    cat "/sys/class/net/$node_bridge/ifindex" 2>/dev/null
}

# make_bridge: its index is kept, so that end_node removes this bridge and not a later one of another cluster.
make_bridge() {
    ip link add "$node_bridge" type bridge
    bridge_index >"$node/bridge"
    ip address add "$node_address/24" dev "$node_bridge"
    ip address add "$kubernetes_service/32" dev "$node_bridge"
    ip link set "$node_bridge" up
}

# save_kernel_settings: for restore_kernel_settings, when the node is gone.
save_kernel_settings() {
    local setting
    for setting in "${kernel_settings[@]}"; do
        printf '%s %s\n' "$setting" "$(<"/proc/sys/$setting")"
    done >"$node/kernel-settings"
}

restore_kernel_settings() {
    local setting value
    [[ -e $node/kernel-settings ]] || return 0
    while read -r setting value; do
        [[ $(<"/proc/sys/$setting") == "$value" ]] || printf '%s\n' "$value" >"/proc/sys/$setting"
    done <"$node/kernel-settings"
}

# write_pod_network: pods get an address on the bridge and the node as their gateway. All CNI records stay in
# the state directory.
write_pod_network() {
    cat >"$node/cni/10-pods.conflist" <<END
{
  "cniVersion": "1.0.0",
  "name": "$node_bridge",
  "plugins": [
    {
      "type": "bridge",
      "bridge": "$node_bridge",
      "ipam": {
        "type": "host-local",
        "dataDir": "$node/cni-addresses",
        "ranges": [[{ "subnet": "$node_pod_network", "gateway": "$node_address" }]],
        "routes": [{ "dst": "0.0.0.0/0" }]
      }
    }
  ]
}
END
}

# write_containerd_configuration: restrict_oom_score_adj is for machines without CAP_SYS_RESOURCE, where runc
# fails with "can't get final child's PID".
write_containerd_configuration() {
    cat >"$node/containerd.toml" <<END
version = 3
root = "$node/containerd"
state = "$node/containerd-run"
disabled_plugins = ["io.containerd.nri.v1.nri"]

[grpc]
  address = "$containerd_socket"

[ttrpc]
  address = "$containerd_socket.ttrpc"

[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "$pause_image"

[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true

[plugins."io.containerd.cri.v1.runtime".cni]
  bin_dirs = ["/usr/lib/cni"]
  conf_dir = "$node/cni"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
  runtime_path = "$cache/bin/containerd-shim-runc-v2"
END
}

# write_kubelet_configuration: as little of the machine as possible is the kubelet's business: no cgroups of
# its own, no iptables, no eviction because the machine's disk is full.
write_kubelet_configuration() {
    cat >"$node/kubelet.yaml" <<END
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $node_address
healthzPort: 0
containerRuntimeEndpoint: unix://$containerd_socket
podLogsDir: $node/pod-logs
volumePluginDir: $node/volume-plugins
authentication:
  anonymous:
    enabled: false
  webhook:
    enabled: false
  x509:
    clientCAFile: $state/credentials/ca.crt
authorization:
  mode: AlwaysAllow
cgroupDriver: cgroupfs
cgroupsPerQOS: false
enforceNodeAllocatable: []
failCgroupV1: false
failSwapOn: false
makeIPTablesUtilChains: false
oomScoreAdj: 0
resolvConf: ""
imageGCHighThresholdPercent: 100
evictionHard:
  memory.available: "0%"
  nodefs.available: "0%"
  nodefs.inodesFree: "0%"
  imagefs.available: "0%"
  imagefs.inodesFree: "0%"
featureGates:
  ImageVolume: true
END
}

# start_apiserver_relay: the API server listens on loopback alone; this lets the node's pods reach it, and
# only them.
start_apiserver_relay() {
    read_ports
    component_start apiserver-relay socat \
        "TCP-LISTEN:443,bind=$kubernetes_service,reuseaddr,fork" "TCP:127.0.0.1:$apiserver_port"
}

# wait_for_node LIMIT_S
wait_for_node() {
    wait_until_ready is_node_ready "$1" "${node_components[@]}"
}

# start_node LIMIT_S: returns when the node is ready; ends the script when that takes longer than LIMIT_S
# seconds.
start_node() {
    local credentials=$state/credentials limit_s=$1
    mkdir "$node" "$node/cni" "$node/containerd" "$node/containerd-run" "$node/kubelet" "$node/pod-logs"
    make_bridge
    save_kernel_settings
    write_pod_network
    write_containerd_configuration
    write_kubelet_configuration

    component_start containerd "$cache/bin/containerd" --config "$node/containerd.toml"
    wait_until_ready is_containerd_ready "$limit_s" containerd
    import_pause_image
    start_apiserver_relay
    component_start kube-scheduler "$cache/bin/kube-scheduler" \
        --kubeconfig="$credentials/scheduler.kubeconfig" \
        --secure-port=0 \
        --leader-elect=false \
        --feature-gates=ImageVolume=true
    component_start kubelet "$cache/bin/kubelet" \
        --kubeconfig="$credentials/kubelet.kubeconfig" \
        --config="$node/kubelet.yaml" \
        --root-dir="$node/kubelet" \
        --cert-dir="$node/kubelet/pki" \
        --hostname-override=e2e-node \
        --node-ip="$node_address"
    wait_for_node "$limit_s"
}

is_containerd_ready() {
    containerd_client version >/dev/null 2>&1
}

is_node_ready() {
    "$(kubectl_program)" --kubeconfig "$kubeconfig" --request-timeout=5s get node e2e-node \
        -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}' 2>/dev/null | grep -qx True
}

# import_pause_image: the sandbox of every pod, from our own program.
import_pause_image() {
    local root=$node/pause-image
    mkdir "$root"
    install -m 755 "$cache/bin/pause" "$root/pause"
    tar --create --file "$root.tar" --owner=0 --group=0 --directory "$root" pause
    "$cluster_directory/import-image" --entrypoint /pause "$pause_image" "$root.tar"
    rm -r "$root" "$root.tar"
}

# end_containers: the containers outlive kubelet and containerd: each is ended and taken apart by its runtime.
end_containers() {
    local container
    is_containerd_ready || return 0
    for container in $(containerd_client tasks list --quiet 2>/dev/null); do
        containerd_client tasks delete --force "$container" >/dev/null 2>&1 || true
    done
}

# unmount_below DIRECTORY: the newest mount first, as one may lie upon another.
unmount_below() {
    local mount_point
    while read -r mount_point; do
        umount -- "$mount_point" 2>/dev/null || umount --lazy -- "$mount_point" || true
    done < <(awk -v prefix="$1/" 'index($5, prefix) == 1 { print $5 }' /proc/self/mountinfo | tac)
}

# end_node: all of the node goes, also what it left outside the state directory.
end_node() {
    component_end kubelet
    # Without its node a pod is garbage, and goes too.
    administer delete node e2e-node --ignore-not-found --wait=false || true
    component_end kube-scheduler
    component_end apiserver-relay
    end_containers
    component_end containerd
    unmount_below "$node"
    # Where the kubelet links to the logs, CNI keeps what it answered and runc puts the control groups cannot
    # be configured. A control group that is not empty is somebody else's, and stays.
    find /var/log/containers -maxdepth 1 -lname "$node/*" -delete 2>/dev/null || true
    { grep -rlF "$node/" /var/lib/cni/results 2>/dev/null || true; } | xargs --no-run-if-empty rm -f --
    rmdir /sys/fs/cgroup/k8s.io /sys/fs/cgroup/*/k8s.io 2>/dev/null || true
    restore_kernel_settings
    if [[ -e $node/bridge && $(bridge_index) == "$(<"$node/bridge")" ]]; then
        ip link delete "$node_bridge"
    fi
    rm -rf --one-file-system -- "$node"
}

# end_cluster: the node, where there is one, and the control plane.
end_cluster() {
    if [[ -d $node ]]; then
        end_node
    fi
    end_control_plane
}
