//! What state machines do and what faults are, in both languages.

use domain::Class;

/// States of the shipped machines in words, by where they are met first. `true` = told while it happens; the others only name the
/// place of a failure. What every look at a node does (`SendCommand`, `CheckCommand`) says less than the phase that asked for it.
pub const PHASES: &[(&str, bool, &str, &str)] = &[
    ("AcquireLock", true, "taking the network's lock", "取得网络的锁"),
    ("RemoveLeftovers", false, "removing what an earlier run left", "清除之前运行的残留"),
    ("ReleaseUnusedLock", false, "giving the lock back", "归还锁"),
    ("CheckMembers", true, "asking each member's account what it offers", "询问各成员账户能提供什么"),
    ("PlanNetwork", true, "planning", "制定计划"),
    ("RecordLaunching", true, "recording what is meant to be made", "记录将要创建的内容"),
    ("MakeNodes", false, "making machines in every member's account", "在各成员账户中创建机器"),
    ("EnsureNodes", true, "starting machines", "启动机器"),
    ("EnsureBatch", false, "starting machines", "启动机器"),
    ("PeerVpcs", false, "joining the members' networks", "连接各成员网络"),
    ("EnsureRules", false, "letting the other members' nodes in", "允许其他成员的节点接入"),
    ("EnsurePeerings", true, "asking for VPC peerings between all members", "在所有成员之间请求 VPC 对等连接"),
    ("EnsureAcceptances", false, "accepting the peerings", "接受对等连接"),
    ("EnsureRoutes", true, "routes to the other members", "添加到其他成员的路由"),
    ("WaitForBoot", true, "machines boot, agents come up", "机器引导，代理上线"),
    ("CheckNodes", false, "machines boot, agents come up", "机器引导，代理上线"),
    ("NameNodes", true, "naming nodes and volumes", "为节点和卷命名"),
    ("HoldCeremony", false, "holding the ceremony", "举行创世仪式"),
    ("PrepareNodes", true, "preparing nodes: disks, image, keys that never leave them", "准备节点：磁盘、镜像、不出节点的密钥"),
    ("SignCertificates", true, "the authority node signs certificates", "证书机构节点签发证书"),
    ("MakeGentxs", true, "each node signs its own genesis transaction", "各节点签署自己的创世交易"),
    ("EnsureGenesis", true, "assembling the genesis", "组装创世文件"),
    ("CheckGenesis", true, "each node checks the genesis", "各节点核对创世文件"),
    ("StartNodes", true, "configuring and starting irita", "配置并启动 irita"),
    ("CloseLaunch", true, "the root's first act: nobody else may change the validator set", "根的第一个动作：此后他人不能更改验证人集合"),
    ("CheckBlocks", true, "waiting for blocks signed by all", "等待全体签名的区块"),
    ("RecordLaunched", true, "recording the launch", "记录启动结果"),
    ("ReadLogs", true, "reading the logs of nodes that did not sign", "读取未签名节点的日志"),
    ("ReleaseLock", false, "giving the lock back", "归还锁"),
    ("PlanOperation", false, "planning the operation", "安排操作顺序"),
    ("CheckHealth", true, "looking at every node", "查看各节点"),
    ("CheckGuard", false, "asking whether the chain can spare the node", "确认链能否暂缺该节点"),
    ("OperateNodes", false, "one node after another", "逐个节点操作"),
    ("OperateNode", true, "one node: changing it and waiting until it is back", "操作一个节点并等它恢复"),
    ("PassRootAct", true, "the root's keys sign and send", "根密钥签名并发送"),
    ("SignAct", false, "the root's keys sign", "根密钥签名"),
    ("PassAct", false, "sending the root's act", "发送根的动作"),
    ("UndoResources", true, "UNDOING: removing what was made", "撤销：移除已创建的内容"),
    ("UndoCommands", false, "UNDOING: cancelling commands that nobody waits for", "撤销：取消无人等待的命令"),
    ("UndoLock", false, "UNDOING: giving the lock back", "撤销：归还锁"),
    ("RecordRemoving", true, "recording the removal", "记录移除"),
    ("RemoveResources", false, "removing what carries the network's tags", "移除带有网络标签的资源"),
    ("RemoveCommands", false, "cancelling commands", "取消命令"),
    ("RemoveNodes", true, "ending machines", "终止机器"),
    ("CheckRemoval", false, "waiting until machines have ended", "等待机器终止"),
    ("RemoveVolumes", true, "deleting volumes", "删除卷"),
    ("RemoveOfMembers", false, "removing what each member's account has", "移除各成员账户中的资源"),
    ("RemovePeerings", true, "taking routes, peerings and rules away", "移除路由、对等连接和规则"),
    ("RemoveExchange", false, "deleting what nodes exchanged", "删除节点交换的文件"),
    ("EnsureRecord", false, "recording the removal", "记录移除"),
    ("CheckSettlement", true, "settling: looking at what an ended run left", "善后：检查已结束的运行留下了什么"),
    ("SendNotice", false, "telling people", "通知人员"),
    ("CheckLeft", true, "looking at what is left", "检查剩余资源"),
    ("CheckLeftovers", false, "looking at what is left", "检查剩余资源"),
    ("SendFailureNotice", false, "telling people", "通知人员"),
];

/// What a class is, and what to do about it; `None` = an end that no function of ours gave (a time-out, a stop from outside).
pub(super) const fn class_texts(class: Option<Class>) -> [(&'static str, &'static str); 2] {
    match class {
        Some(Class::InvalidInput) => [
            ("bad input", "输入有误"),
            ("change what the message names, then run the command again; nothing was changed", "按提示修改后重试；没有改动任何东西"),
        ],
        Some(Class::NotFound) => [
            ("not found", "不存在"),
            ("check the name and the --home folder; `consortium doctor` shows what there is", "核对名称和 --home 目录；`consortium doctor` 列出现有内容"),
        ],
        Some(Class::Conflict) => [
            ("in conflict", "冲突"),
            ("wait until what holds it has ended (`consortium doctor` names it), then repeat", "等占用者结束（`consortium doctor` 会指出），然后重试"),
        ],
        Some(Class::Denied) => [
            ("denied", "权限不足"),
            ("let the account's owner allow the named action (role, boundary, SCP), then repeat", "请账户所有者放行所列操作（角色、边界、SCP），然后重试"),
        ],
        Some(Class::Quota) => [
            ("over a quota", "超出配额"),
            (
                "raise the named limit (the account's quota, or MaxNodes of the member's stack), then repeat",
                "提高所列限额（账户配额或成员堆栈的 MaxNodes），然后重试",
            ),
        ],
        Some(Class::Capacity) => [
            ("no capacity", "容量不足"),
            ("repeat later, or name other instance_types or another region in the request", "稍后重试，或在请求中换用其他 instance_types 或 region"),
        ],
        Some(Class::Throttled) => [("throttled", "被限流"), ("repeat in a few minutes; nothing has to be changed", "几分钟后重试；无需修改")],
        Some(Class::Busy) => [("busy", "正忙"), ("wait a minute, then repeat", "等一分钟再重试")],
        Some(Class::Transient) => [
            ("a passing error", "暂时性错误"),
            ("repeat; if it comes again, look at the node or service that the message names", "重试；若再次出现，检查所列节点或服务"),
        ],
        Some(Class::Orphaned) => [
            ("something is left", "有残留"),
            (
                "see what is left with `consortium doctor`, then run `consortium remove` for that network",
                "用 `consortium doctor` 查看残留，再对该网络运行 `consortium remove`",
            ),
        ],
        Some(Class::Internal) => [
            ("a defect or an unknown answer", "内部错误或未知应答"),
            (
                "read the message and the log of the node that it names; otherwise report it with the execution's name",
                "阅读报错及所列节点的日志；若与节点无关，请附执行名称报告",
            ),
        ],
        None => [
            ("ended from outside or too late", "被外部终止或超时"),
            ("see what there is with `consortium doctor`, then repeat", "用 `consortium doctor` 查看现状，然后重试"),
        ],
    }
}
