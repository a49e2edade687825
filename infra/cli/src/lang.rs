//! What the program says, in English and Chinese: one table. Faults that functions answer with stay English; what kind of fault
//! it is and what to do about it is said in both.

mod phases;

pub use phases::PHASES;

use clap::ValueEnum;
use domain::Class;
use phases::class_texts;
use serde::{Deserialize, Serialize};
use std::fmt::Display;

/// A language.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lang {
    /// English
    #[default]
    En,
    /// 中文
    Zh,
}

/// One table: a key, its English, its Chinese. `{0}`, `{1}`, ... are filled in.
macro_rules! table {
    ($($key:ident: $en:literal, $zh:literal;)*) => {
        /// What can be said.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Key { $(#[doc = $en] $key,)* }

        impl Key {
            /// Every key.
            pub const ALL: &[Key] = &[$(Key::$key),*];

            /// English and Chinese.
            pub const fn texts(self) -> (&'static str, &'static str) {
                match self { $(Key::$key => ($en, $zh),)* }
            }
        }
    };
}

table! {
    Seconds: "seconds", "秒";
    VirtualSeconds: "virtual seconds", "虚拟秒";
    RefusedLine: "{0}; {1}", "{0}；{1}";
    FailureExecution: "  execution {0}", "  执行 {0}";
    FailurePhase: "  failed in: {0}", "  失败的阶段：{0}";
    FailureNode: "  node      {0}", "  节点 {0}";
    FailureOutput: "  its last lines:", "  它最后的输出：";
    FailureTodo: "  what to do: {0}", "  怎么办：{0}";
    FailureState: "state {0}", "状态 {0}";

    Joined: "{0} has joined: this computer plays its person too", "{0} 已加入：本机同时扮演该公司";
    AlreadyLaunched: "{0} is already launched; see: consortium status {0}", "{0} 早已启动；查看：consortium status {0}";
    Launched: "\n{0} is launched at height {1}, genesis sha256 {2}", "\n{0} 已启动，高度 {1}，创世文件 sha256 {2}";
    NotLaunched: "\n{0} was not launched and has been undone.", "\n{0} 未能启动，已全部撤销。";
    NotLaunchedLeft: "\n{0} was not launched, and its undo left something.", "\n{0} 未能启动，撤销后仍有残留。";
    RuledBy: "ruled by {0} of {1} root keys, for the chain's whole life (held on {2}; root {3})", "由 {1} 把根密钥中的 {0} 把治理，链存续期间不变（保管于 {2}；根地址 {3}）";
    Unknown: "unknown", "未知";
    Totals: "\n{0} {1}, {2} AWS calls and {3} of objects, {4} transitions, ${5} orchestration", "\n{0} {1}，AWS 调用 {2} 次，对象读写 {3} 次，状态转换 {4} 次，编排费用 ${5}";
    LeftNone: "leftovers: none", "残留：无";
    Left: "leftovers ({0}), run: consortium remove {1}", "残留（{0} 项），请运行：consortium remove {1}";

    LeftLock: "lock of {0}, held by {1}", "{0} 的锁，由 {1} 持有";

    MemberColumn: "member", "成员";
    AccountColumn: "account", "账户";
    RegionColumn: "region", "区域";
    RangeColumn: "range", "地址段";
    StateColumn: "state", "状态";
    PowerColumn: "power", "投票权";
    NodeColumn: "node", "节点";
    InstanceColumn: "instance", "实例";
    AddressColumn: "address", "地址";
    PeerColumn: "peer id", "对等节点号";
    HeightColumn: "height", "高度";
    SigningColumn: "signing", "签名";
    Yes: "yes", "是";
    No: "NO", "否";

    StatusLine: "{0}: {1}, height {2} -> {3} in {4} {5}, revision {6} of the manifest", "{0}：{1}，{4} {5}内高度 {2} -> {3}，清单第 {6} 版";
    Silent: "{0} does not sign: its machine is {1}, its irita is {2} at height {3}", "{0} 没有签名：机器状态 {1}，irita 状态 {2}，高度 {3}";
    Restarted: "{0}: irita was started again {1} times; last: {2}", "{0}：irita 重启过 {1} 次；最近一次：{2}";
    Peerings: "peerings: {0} of {1} active", "对等连接：{1} 条，其中 {0} 条已激活";
    PeeringOther: "  {0} - {1}: {2} {3}", "  {0} - {1}：{2} {3}";
    Missing: "missing", "缺失";
    MemberInvited: "invited", "已邀请";
    MemberJoined: "joined", "已加入";
    MemberRevoked: "revoked", "已撤回";
    MemberExpired: "expired", "已过期";
    ServiceRunning: "running", "运行中";
    ServiceStopped: "stopped", "已停止";
    ServiceRestarting: "restarting", "重启中";
    ServiceAbsent: "absent", "未创建";
    StateHalted: "halted", "停滞";
    StateDegraded: "degraded", "降级";
    StateLaunching: "launching", "启动中";
    StateLaunched: "launched", "运行中";
    StateUndone: "undone", "已撤销";
    StateRemoving: "removing", "移除中";
    StateRemoved: "removed", "已移除";

    Removed: "\n{0} is removed.", "\n{0} 已移除。";
    NothingToRemove: "\nthere is no network `{0}`; nothing was removed.", "\n没有名为 {0} 的网络；没有移除任何东西。";
    NotRemoved: "\n{0} could not be removed.", "\n{0} 未能移除。";
    KeptData: "kept as asked, {0} data volumes, ${1} a month:", "按要求保留 {0} 个数据卷，每月 ${1}：";
    KeptIdentities: "kept by the member's stack, {0} identity volumes, ${1} a month (the chain was started and its parameter AllowIdentityRemoval is not true: they hold keys that exist nowhere else):", "成员的堆栈保留了 {0} 个身份卷，每月 ${1}（链已启动过，且参数 AllowIdentityRemoval 不为 true：密钥只存在于此）：";
    KeptVolume: "  {0}  {1} GB in {2}  ${3} a month", "  {0}  {1} GB，{2}，每月 ${3}";
    DeleteData: "  to delete them later: consortium remove {0}", "  以后要删除：consortium remove {0}";
    DeleteIdentities: "  to delete them later: the member sets AllowIdentityRemoval to true in its stack, then: consortium remove {0}", "  以后要删除：由成员将堆栈参数 AllowIdentityRemoval 设为 true，再运行 consortium remove {0}";

    Invited: "{0} (account {1}, {2}) is invited; its range is {3}", "已邀请 {0}（账户 {1}，{2}）；其地址段为 {3}";
    InvitationOpen: "the invitation is open until {0}", "邀请有效期至 {0}";
    InvitationFor: "its nodes will accept this network only: {0}", "它的节点只接受这个网络：{0}";
    InvitationLink: "\nIts person opens this link in the console of account {0}, reads the parameters and creates the stack:\n\n{1}\n", "\n请其负责人在账户 {0} 的控制台打开此链接，核对参数并创建堆栈：\n\n{1}\n";
    InvitationHere: "here on this computer: consortium join '<link>' --account {0}", "在本机上：consortium join '<链接>' --account {0}";
    JoinedNow: "{0} has joined: its stack is there, and the hub may ask its functions and nothing else", "{0} 已加入：其堆栈已建好，中枢只能调用它的函数";
    RevokedNow: "{0} is revoked: the hub asks it nothing and lets its nodes exchange nothing; what runs in its account is its own", "{0} 已撤回：中枢不再向它发出请求，也不让它的节点交换文件；其账户中运行的内容归它自己";
    LastRefused: " (last announcement refused: {0})", "（上次声明被拒：{0}）";

    OperationDone: "\n{0} of {1}: done, in {2} {3}", "\n{1} 的 {0}：完成，用时 {2} {3}";
    OperationFailed: "\n{0} failed.", "\n{0} 失败。";
    Rehearsed: "\nlaunched; height {0} -> {1} in 30 virtual seconds\n", "\n已启动；30 虚拟秒内高度 {0} -> {1}\n";
    FaultsUnmet: "faults that never came true: {0}", "没有发生的预设故障：{0}";
    CloudUp: "the local cloud is up: process {0}, {1}, irita {2}", "本地云运行中：进程 {0}，{1}，irita {2}";
    CloudDown: "every machine is switched off, and the local cloud is down; its world stays on disk", "所有机器已关闭，本地云已停止；它的世界保留在磁盘上";

    NoAnswer: "irita is {0} and does not answer; signed up to {1}; {2}% of the data disk free; {3} {4}", "irita 状态 {0}，没有应答；签名到 {1}；数据盘剩余 {2}%；{3} {4}";
    Health: "height {0}, {1}, power {2}, {3} peers, catching up {4}, {5} restarts, {6}% of the data disk free", "高度 {0}，{1}，投票权 {2}，对等节点 {3}，追块 {4}，重启 {5} 次，数据盘剩余 {6}%";
    True: "true", "是";
    False: "false", "否";
    Signs: "signs", "在签名";
    Jailed: "is JAILED", "被监禁";
    SignsNot: "does NOT sign", "没有签名";

    PlanHead: "Network {0} (chain id {1}), {2} validators in {3}", "网络 {0}（链 ID {1}），{3} 的 {2} 个验证人";
    PlanImage: "  image    {0}", "  镜像     {0}";
    PlanDisks: "  disks    {0} GB system + {1} GB data + 1 GB identity each, {2} also 1 GB authority", "  磁盘     每台 {0} GB 系统 + {1} GB 数据 + 1 GB 身份，{2} 另有 1 GB 证书机构";
    PlanPorts: "  ports    26656 among the nodes; 26657, 26660, 1317, 9090, 8545-8546 and 22 closed", "  端口     26656 仅节点之间；26657、26660、1317、9090、8545-8546、22 关闭";
    PlanBatch: "{0} in {1}", "{1} 的 {0}";
    PlanElse: " (else {0})", "（否则 {0}）";
    PlanMonth: "  a month  ${0} ({1} on demand, prices of {2})", "  每月     ${0}（{1} 按需价格，{2}）";
    PlanRegions: "           prices are {0}'s; those of {1} differ", "           以上为 {0} 的价格；{1} 的价格不同";
    PlanMember: "           {0} {1} ({2})", "           {0} {1}（{2}）";
    PlanWhose: "{0}: ", "{0}：";
    LineInstances: "{0} x {1}", "{0} 台 {1}";
    LineStorage: "{0} GB gp3", "{0} GB gp3 磁盘";
    LineAddresses: "{0} public addresses, outbound only", "{0} 个公网地址，仅出站";
    LineKeys: "{0} KMS keys", "{0} 把 KMS 密钥";
    LineEndpoints: "0 interface endpoints (each would be ${0} a month in each zone, and ${1} a GB)", "0 个接口终端节点（若使用，每区每月 ${0}，另每 GB ${1}）";
    LineNat: "0 NAT gateways", "0 个 NAT 网关";
    LineZones: "about {0} GB between zones, ${1} each way", "约 {0} GB 跨可用区，双向各 ${1}";
    LineRegions: "about {0} GB to other regions, ${1} a GB by second-hand sources", "约 {0} GB 跨区域，每 GB ${1}（二手来源）";
    PlanTraffic: "  traffic  about ${0} a month more, assumed: {1} GB a day for each pair of validators (a block of {2} KB every {3} s, full mesh)", "  流量     每月另约 ${0}，假设：每对验证人每天 {1} GB（每 {3} 秒一个 {2} KB 的块，全互联）";
    PlanLaunch: "  launch   at most ${0} for Step Functions and Lambda", "  启动     Step Functions 和 Lambda 至多 ${0}";
    PlanSources: "  sources  of each price, with its date: consortium launch FILE --plan --json", "  来源     每项价格的出处和日期：consortium launch FILE --plan --json";

    DoctorOk: "ok", "正常";
    DoctorWrong: "WRONG", "错误";
    DoctorRemedy: "       mend: {0}", "       处理：{0}";
    DoctorAll: "\n{0} checks, all ok", "\n{0} 项检查，全部正常";
    DoctorSome: "\n{0} of {1} checks found something wrong", "\n{1} 项检查中 {0} 项有问题";
    CheckHome: "home folder and world", "数据目录与世界文件";
    CheckStacks: "stacks", "堆栈";
    CheckRecord: "manifest's hash chain", "清单哈希链";
    CheckLock: "lock", "锁";
    CheckExecutions: "executions", "执行";
    CheckMachines: "machines", "机器";
    CheckTwins: "one machine a node", "每节点一台机器";
    CheckAgents: "agents", "代理";
    CheckVolumes: "volumes", "卷";
    CheckPorts: "ports", "端口";
    CheckHeight: "height", "高度";
    CheckVotes: "votes", "投票";
    CheckDoubles: "double signs", "双签";
    CheckImage: "image", "镜像";
    CheckLeft: "leftovers", "残留";
    NoHome: "{0} holds no local world", "{0} 中没有本地世界";
    NoHomeRemedy: "begin with: consortium launch events/console/launch-testnet.json", "先运行：consortium launch events/console/launch-testnet.json";
    BadHomeRemedy: "restore {0} from a copy, or choose another folder with --home", "用备份恢复 {0}，或用 --home 选择其他目录";
    CloudIsDown: "the background cloud is down", "后台云没有运行";
    CloudIsDownRemedy: "consortium cloud up", "consortium cloud up";
    WorldDangling: "{0} names {1}, which does not exist", "{0} 指向不存在的 {1}";
    NoStack: "there is no founder's stack", "没有创始人的堆栈";
    StackGaps: "gone from its stack: {0}", "堆栈中缺失：{0}";
    StackRemedy: "deploy founder.yaml again", "重新部署 founder.yaml";
    RecordGap: "revision {0} is missing", "缺少第 {0} 版";
    RecordUnread: "revision {0} cannot be read: {1}", "第 {0} 版无法读取：{1}";
    RecordStrange: "{0} says that it is revision {1} of {2}", "{0} 自称是 {2} 的第 {1} 版";
    RecordBroken: "revision {0} does not name the hash of revision {1}: one of them was changed afterwards", "第 {0} 版所记的哈希不是第 {1} 版的：其中之一事后被改过";
    RecordRemedy: "compare with the bucket's older object versions and put the right one back", "与存储桶的旧对象版本比较，恢复正确的一版";
    Revisions: "{0} revisions", "{0} 版";
    LockHeld: "held by {0}, which runs", "由运行中的 {0} 持有";
    LockDead: "held by {0}, which is {1}", "由 {0} 持有，而它 {1}";
    LockRemedy: "the next command takes it over three minutes after its holder ended: repeat what was asked, or: consortium remove {0}", "持有者结束三分钟后，下一条命令会接管：重复原来的命令，或 consortium remove {0}";
    LockUnread: "cannot be read", "无法读取";
    Gone: "gone", "不存在";
    Unsettled: "the record says {0}, and {1} is {2}", "记录为{0}，而 {1} {2}";
    SettleRemedy: "consortium remove {0} takes away what is left", "consortium remove {0} 会移除残留";
    MachineState: "{0}: {1} is {2}", "{0}：{1} {2}";
    MachineRemedy: "start a stopped machine; one that is gone comes back only as a new one with the old identity volume", "启动已停止的机器；已消失的只能用原身份卷换一台新机器";
    Twins: "{0}: {1} live", "{0}：{1} 同时存活";
    TwinsRemedy: "end the one that the manifest does not name, before it signs", "在它签名之前，终止清单未记录的那台";
    AgentSilent: "{0}: the agent of {1} is not online", "{0}：{1} 的代理不在线";
    AgentRemedy: "look at the machine's way out (public address, route) and reboot it", "检查机器的出站网络（公网地址、路由）并重启";
    VolumeGone: "{0}: {1} does not exist", "{0}：{1} 不存在";
    VolumeStray: "{0}: {1} hangs on {2}", "{0}：{1} 挂在 {2} 上";
    Nothing: "nothing", "空";
    VolumeRemedy: "attach it to its node again; a volume that is gone took its data with it: data come back from the other nodes, keys do not", "重新挂到自己的节点；已删除的卷数据随之丢失：链数据可从其他节点同步，密钥不能";
    PortOpen: "{0} opens {1}-{2} to {3}", "{0} 将 {1}-{2} 开放给 {3}";
    PortRemedy: "take the rule out of the security group (aws ec2 revoke-security-group-ingress)", "从安全组删除该规则（aws ec2 revoke-security-group-ingress）";
    HeightStands: "it stands at {0} for {1} {2}", "停在 {0}，已 {1} {2}";
    HeightGrows: "{0} -> {1}", "{0} -> {1}";
    HeightRemedy: "more than two thirds of the power must sign: consortium health {0}, then consortium start {0}", "须有三分之二以上投票权签名：consortium health {0}，再 consortium start {0}";
    VoteMissing: "{0} does not sign (irita {1}, height {2})", "{0} 没有签名（irita {1}，高度 {2}）";
    VoteRemedy: "consortium logs {0} {1}; then consortium start {0} {1}, or unjail it", "consortium logs {0} {1}；然后 consortium start {0} {1}，或解除监禁";
    DoubleRemedy: "stop that validator at once and find the second machine with its key", "立即停止该验证人，找出持有同一密钥的另一台机器";
    NoDigest: "the manifest has no image digest", "清单没有镜像摘要";
    DigestRemedy: "nobody can say which program the nodes run: compare docker images on each, and launch again", "无法确认节点运行的程序：逐台比对镜像，然后重新启动网络";
    LeftRemedy: "consortium remove {0}", "consortium remove {0}";
}

impl Lang {
    /// The language of the environment: the first of LC_ALL, LC_MESSAGES and LANG that says anything decides.
    pub fn of_environment() -> Lang {
        Lang::of(["LC_ALL", "LC_MESSAGES", "LANG"].map(|name| std::env::var(name).unwrap_or_default()))
    }

    fn of<const N: usize>(values: [String; N]) -> Lang {
        match values.iter().find(|v| !v.is_empty()) {
            Some(value) if value.starts_with("zh") => Lang::Zh,
            _ => Lang::En,
        }
    }

    fn pick(self, texts: (&'static str, &'static str)) -> &'static str {
        match self {
            Lang::En => texts.0,
            Lang::Zh => texts.1,
        }
    }

    /// A text as it stands in the table.
    pub fn text(self, key: Key) -> &'static str {
        self.pick(key.texts())
    }

    /// A text with its places filled.
    pub fn say(self, key: Key, with: &[&dyn Display]) -> String {
        let (mut out, mut rest) = (String::new(), self.text(key));
        while let Some((before, after)) = rest.split_once('{') {
            let (place, after) = after.split_once('}').unwrap_or((after, ""));
            out += before;
            if let Some(value) = place.parse::<usize>().ok().and_then(|n| with.get(n)) {
                out += &value.to_string();
            }
            rest = after;
        }
        out + rest
    }

    /// A list, joined as the language joins one.
    pub fn list(self, items: &[String]) -> String {
        items.join(self.pick((", ", "、")))
    }

    /// What stands between sentences of one line.
    pub fn separator(self) -> &'static str {
        self.pick(("; ", "；"))
    }

    /// A state of a shipped machine in words; `None` = it has none.
    pub fn phase(self, state: &str) -> Option<&'static str> {
        PHASES.iter().find(|(name, ..)| *name == state).map(|(_, _, en, zh)| self.pick((en, zh)))
    }

    /// The same, if it is told while it happens.
    pub fn told(self, state: &str) -> Option<&'static str> {
        self.phase(state).filter(|_| PHASES.iter().any(|(name, told, ..)| *name == state && *told))
    }

    /// What seconds are.
    pub fn seconds(self, real: bool) -> &'static str {
        self.text(if real { Key::Seconds } else { Key::VirtualSeconds })
    }

    /// What a class is.
    pub fn class(self, class: Option<Class>) -> &'static str {
        self.pick(class_texts(class)[0])
    }

    /// What to do about a class.
    pub fn todo(self, class: Option<Class>) -> &'static str {
        self.pick(class_texts(class)[1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artefacts::MACHINES;
    use serde_json::Value;

    fn chinese(text: &str) -> bool {
        text.chars().any(|c| ('\u{3000}'..='\u{9fff}').contains(&c) || ('\u{ff00}'..='\u{ffef}').contains(&c))
    }

    fn both(what: &str, (en, zh): (&str, &str)) {
        assert!(!en.trim().is_empty() && !zh.trim().is_empty(), "{what} is empty");
        assert!(!chinese(en), "{what}: {en}");
        let places = |text: &str| (0..9).map(|n| text.contains(&format!("{{{n}}}"))).collect::<Vec<_>>();
        assert_eq!(places(en), places(zh), "{what}: other places in one language");
    }

    #[test]
    fn everything_is_there_in_both_languages() {
        for key in Key::ALL {
            both(&format!("{key:?}"), key.texts());
        }
        for (state, _, en, zh) in PHASES {
            both(state, (en, zh));
            assert!(chinese(zh), "{state}");
        }
        for class in Class::ALL.into_iter().map(Some).chain([None]) {
            for texts in class_texts(class) {
                both(&format!("{class:?}"), texts);
                assert!(chinese(texts.1), "{class:?}");
            }
        }
    }

    fn tasks(scope: &Value, found: &mut Vec<String>) {
        for (name, state) in scope["States"].as_object().into_iter().flatten() {
            if state["Type"] == "Task" {
                found.push(name.clone());
            }
            tasks(&state["ItemProcessor"], found);
        }
    }

    #[test]
    fn every_step_of_every_machine_has_words() {
        let mut found = vec![];
        for (_, text) in MACHINES {
            tasks(&serde_json::from_str(text).expect("json"), &mut found);
        }
        found.retain(|name| !["SendCommand", "CheckCommand"].contains(&name.as_str()));
        let silent: Vec<&String> = found.iter().filter(|name| Lang::En.phase(name).is_none()).collect();
        assert!(found.len() > 30 && silent.is_empty(), "no words for {silent:?}");
        assert_eq!((Lang::Zh.told("PlanNetwork"), Lang::Zh.told("CheckMember"), Lang::En.phase("IsHealthKnown")), (Some("制定计划"), None, None));
    }

    #[test]
    fn places_are_filled_once_and_the_environment_chooses() {
        assert_eq!(Lang::En.say(Key::HeightGrows, &[&"{1}", &7]), "{1} -> 7");
        let of = |all: &str, messages: &str, lang: &str| Lang::of([all.into(), messages.into(), lang.into()]);
        assert_eq!((of("", "", "zh_CN.UTF-8"), of("C", "", "zh_CN.UTF-8"), of("", "zh_TW", "en_GB"), of("", "", "")), (Lang::Zh, Lang::En, Lang::Zh, Lang::En));
    }
}
