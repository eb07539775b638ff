package main

import (
	"encoding/json"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

const (
	labelManagedBy       = "openshell.ai/managed-by"
	labelSandboxID       = "openshell.ai/sandbox-id"
	labelSandboxName     = "openshell.ai/sandbox-name"
	annotationSandboxID  = "openshell.io/sandbox-id"
	annotationInjection  = "openshell.ai/injection"
	annotationInjectedBy = "openshell.ai/injected-by"

	volumeClientTLS  = "openshell-client-tls"
	volumeToken      = "openshell-sandbox-token"
	volumeSupervisor = "openshell-supervisor-bin"
	volumeWorkspace  = "workspace"

	directoryClientTLS  = "/etc/openshell-tls/client"
	directoryToken      = "/var/run/secrets/openshell"
	directorySupervisor = "/opt/openshell/bin"
	directoryWorkspace  = "/sandbox"
	tokenKey            = "sandbox.jwt"
	secretMode          = 0o400

	workspaceScript = `set -eu
[ ! -e /workspace-pvc/.workspace-initialized ] || exit 0
if [ -d /sandbox ]; then
  packed=$({ { tar -C /sandbox -cf - .; echo $? >&3; } |
    tar -C /workspace-pvc -xmof - --no-same-permissions; } 3>&1)
  [ "$packed" = 0 ]
fi
touch /workspace-pvc/.workspace-initialized
`
)

// injection is what the combined topology needs to know, with the supervisor's image as a volume and the sandbox's
// own token as its credential.
type injection struct {
	supervisorImage string
	endpoint        string
	clientTLSSecret string
	mark            string
	injectedBy      string
	user            int64
	group           int64
}

// mainProcess is what the supervisor starts.
type mainProcess struct {
	Version int      `json:"version"`
	Command []string `json:"command"`
	TTY     bool     `json:"tty"`
}

// apply turns the bare pod of a sandbox into a supervised one.
func (i *injection) apply(pod *corev1.Pod) error {
	agent := findAgent(pod)
	environment, err := i.environment(pod, agent)
	if err != nil {
		return err
	}
	if pod.Annotations == nil {
		pod.Annotations = map[string]string{}
	}
	pod.Annotations[annotationSandboxID] = pod.Labels[labelSandboxID]
	pod.Annotations[annotationInjection] = i.mark
	pod.Annotations[annotationInjectedBy] = i.injectedBy
	if hasWorkspace(agent) {
		if pod.Spec.SecurityContext == nil {
			pod.Spec.SecurityContext = &corev1.PodSecurityContext{}
		}
		pod.Spec.SecurityContext.FSGroup = ptr.To(i.group)
		pod.Spec.InitContainers = append([]corev1.Container{workspaceContainer(agent)}, pod.Spec.InitContainers...)
	}
	pod.Spec.Volumes = append(pod.Spec.Volumes, i.volumes(pod)...)
	agent.Command = []string{directorySupervisor + "/openshell-sandbox", "--workdir", directoryWorkspace}
	agent.Args = nil
	agent.TTY, agent.Stdin, agent.StdinOnce = false, false, false
	agent.Env = append(agent.Env, environment...)
	agent.VolumeMounts = append(agent.VolumeMounts,
		corev1.VolumeMount{Name: volumeToken, MountPath: directoryToken, ReadOnly: true},
		corev1.VolumeMount{Name: volumeClientTLS, MountPath: directoryClientTLS, ReadOnly: true},
		corev1.VolumeMount{Name: volumeSupervisor, MountPath: directorySupervisor, ReadOnly: true})
	agent.SecurityContext = &corev1.SecurityContext{
		RunAsUser:    ptr.To[int64](0),
		Capabilities: &corev1.Capabilities{Add: []corev1.Capability{"SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE", "SYSLOG"}},
	}
	return nil
}

func findAgent(pod *corev1.Pod) *corev1.Container {
	for index := range pod.Spec.Containers {
		if pod.Spec.Containers[index].Name == "agent" {
			return &pod.Spec.Containers[index]
		}
	}
	return &pod.Spec.Containers[0]
}

func hasWorkspace(agent *corev1.Container) bool {
	for _, mount := range agent.VolumeMounts {
		if mount.Name == volumeWorkspace && mount.MountPath == directoryWorkspace {
			return true
		}
	}
	return false
}

func workspaceContainer(agent *corev1.Container) corev1.Container {
	return corev1.Container{
		Name:            "workspace-init",
		Image:           agent.Image,
		ImagePullPolicy: agent.ImagePullPolicy,
		Command:         []string{"sh", "-c", workspaceScript},
		SecurityContext: &corev1.SecurityContext{RunAsUser: ptr.To[int64](0)},
		VolumeMounts:    []corev1.VolumeMount{{Name: volumeWorkspace, MountPath: "/workspace-pvc"}},
	}
}

func (i *injection) volumes(pod *corev1.Pod) []corev1.Volume {
	return []corev1.Volume{{
		Name: volumeClientTLS,
		VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{
			SecretName:  i.clientTLSSecret,
			DefaultMode: ptr.To[int32](secretMode),
		}},
	}, {
		Name: volumeToken,
		VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{
			SecretName:  "openshell-sandbox-" + pod.Labels[labelSandboxID],
			DefaultMode: ptr.To[int32](secretMode),
			Items:       []corev1.KeyToPath{{Key: tokenKey, Path: tokenKey}},
		}},
	}, {
		Name:         volumeSupervisor,
		VolumeSource: corev1.VolumeSource{Image: &corev1.ImageVolumeSource{Reference: i.supervisorImage}},
	}}
}

func (i *injection) environment(pod *corev1.Pod, agent *corev1.Container) ([]corev1.EnvVar, error) {
	users := map[string]string{}
	for _, variable := range agent.Env {
		if variable.ValueFrom == nil {
			users[variable.Name] = variable.Value
		}
	}
	usersText, err := json.Marshal(users)
	if err != nil {
		return nil, err
	}
	process, err := json.Marshal(mainProcess{
		Version: 1,
		Command: append(append([]string{}, agent.Command...), agent.Args...),
		TTY:     agent.TTY,
	})
	if err != nil {
		return nil, err
	}
	return []corev1.EnvVar{
		{Name: "OPENSHELL_USER_ENVIRONMENT", Value: string(usersText)},
		{Name: "OPENSHELL_MAIN_PROCESS_SPEC", Value: string(process)},
		{Name: "OPENSHELL_SANDBOX_ID", Value: pod.Labels[labelSandboxID]},
		{Name: "OPENSHELL_SANDBOX", Value: pod.Labels[labelSandboxName]},
		{Name: "OPENSHELL_TELEMETRY_ENABLED", Value: "true"},
		{Name: "OPENSHELL_NETWORK_RUNTIME_CAPABILITIES"},
		{Name: "OPENSHELL_SSH_SOCKET_PATH", Value: "/run/openshell/ssh.sock"},
		{Name: "OPENSHELL_OCI_IMAGE_USER"},
		{Name: "OPENSHELL_SANDBOX_UID", Value: strconv.FormatInt(i.user, 10)},
		{Name: "OPENSHELL_SANDBOX_GID", Value: strconv.FormatInt(i.group, 10)},
		{Name: "OPENSHELL_ENDPOINT", Value: i.endpoint},
		{Name: "OPENSHELL_TLS_CA", Value: directoryClientTLS + "/ca.crt"},
		{Name: "OPENSHELL_TLS_CERT", Value: directoryClientTLS + "/tls.crt"},
		{Name: "OPENSHELL_TLS_KEY", Value: directoryClientTLS + "/tls.key"},
		{Name: "OPENSHELL_SANDBOX_TOKEN_FILE", Value: directoryToken + "/" + tokenKey},
		{Name: "OPENSHELL_SANDBOX_TOKEN"},
		{Name: "OPENSHELL_GATEWAY_TLS_SERVER_NAME"},
	}, nil
}
