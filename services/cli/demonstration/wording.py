"""What the people of the demonstration write, in the language of each."""

from random import Random

SUMMARIES = {
    "zh": {
        "visit": ("参观产线，与设备主管确认三处瓶颈", "拜访采购部，了解年度预算和决策流程",
                  "现场看了仓库，客户关心交期和备件", "与车间主任核对现有设备清单"),
        "call": ("电话确认下周技术交流时间", "客户反馈内部讨论中，需要补充案例",
                 "回访试用情况，客户提出两点疑问", "沟通付款方式，客户希望分期"),
        "message": ("发送产品资料和同行案例", "客户询问交货周期", "约定下次会议议题"),
        "email": ("邮件发送技术参数对比表", "回复客户的合规问题清单"),
        "meeting": ("需求澄清会，纪要已双方确认", "与技术、采购三方会议，明确验收标准"),
        "demo": ("线上演示排产模块，客户提问积极", "现场演示，客户要求增加报表"),
        "proposal_sent": ("发送正式方案第一版", "发送含三种配置的方案"),
        "proposal_revised": ("按客户意见调整实施周期", "修改报价结构后重新发送"),
        "quote": ("发送正式报价单", "按季度采购量重新报价"),
        "sample": ("样品送达门店，约定两周试用", "补送两款样品"),
        "contract_sent": ("合同文本发客户法务审阅", "合同盖章版寄出"),
        "feedback_received": ("客户书面反馈：价格可接受，关注售后响应", "客户回复方案意见五条"),
        "note": ("客户内部人事调整，关键人可能变化", "竞争对手本周也来拜访"),
    },
    "en": {
        "visit": ("Walked the line with the plant manager, three bottlenecks noted",
                  "Visited procurement, learned budget cycle and who decides"),
        "call": ("Agreed on a date for the technical session", "Customer asks for a reference case",
                 "Talked through payment terms"),
        "message": ("Sent product sheet and a similar case", "Customer asks about lead time"),
        "email": ("Sent the comparison of technical data", "Answered the compliance questions"),
        "meeting": ("Needs workshop, minutes confirmed by both sides",
                    "Three-way meeting, acceptance criteria agreed"),
        "demo": ("Showed planning module online, lively questions",),
        "proposal_sent": ("First version of the proposal sent",),
        "proposal_revised": ("Changed the roll-out plan as asked",),
        "quote": ("Formal quotation sent",),
        "sample": ("Samples delivered, two weeks of trial agreed",),
        "contract_sent": ("Contract sent to their legal department",),
        "feedback_received": ("Written feedback: price is fine, service times are the question",),
        "note": ("Our contact may move to another department",),
    },
}  # fmt: skip

DETAILS = {
    "zh": ("下周二前给答复", "王工补充了现场照片", "预算科要再看一遍", "数量先按三十套算",
           "旺季前必须上线", "还要问一下总部", "对比过另外两家", "仓库地址有变动",
           "财务希望季度结算", "试点放在二号线", "夜班也要能用", "去年的合同可以参考",
           "验收由质量部负责", "希望有本地备件"),
    "en": ("answer promised by Tuesday", "their engineer sent photos", "finance wants to look too",
           "thirty sets for a start", "must run before the season", "headquarters has to agree",
           "two other vendors compared", "the warehouse has moved", "they prefer paying quarterly",
           "pilot on line two", "night shift needs it as well", "last year's contract is a model",
           "quality signs it off", "spare parts should be close by"),
}  # fmt: skip
"""What makes a note one's own: who works honestly does not write the same twice."""

REASONS = {
    "zh": {
        "skip": ("客户要求加快进度", "客户已自行了解方案"),
        "unmet": ("凭证稍后补交", "客户不便安排"),
        "backward": ("需求有变化，重新确认", "客户更换负责人"),
        "reopened": ("客户预算恢复，重新启动",),
        "note": ("价格折扣超出权限，申请审批", "合同条款有修改，请审核"),
        "voided": ("重复录入",),
    },
    "en": {
        "skip": ("The customer is in a hurry", "They know the solution already"),
        "unmet": ("Evidence will follow", "The customer could not arrange it"),
        "backward": ("Needs have changed", "A new person decides"),
        "reopened": ("Their budget is back",),
        "note": ("The discount is above my limit", "They changed terms of the contract"),
        "voided": ("Entered twice",),
    },
}
OF_LEADS = {
    "zh": {
        "contact": (
            "电话联系，客户想先看演示",
            "客户正在比较两家，下周再谈",
            "确认需求范围和使用人数",
            "客户问实施周期，已答复",
            "约了线上交流时间",
        ),
        "appeal": (
            "客户是我之前跟进过的集团子公司",
            "来源填错了，应为转介绍",
            "客户预算已确认，评分偏低",
        ),
    },
    "en": {
        "contact": (
            "Called: would like to see a demo first",
            "They compare two vendors, next week",
            "Scope and number of users are clear",
            "Answered questions about the roll-out",
        ),
        "appeal": ("Their parent company is my account", "The source is wrong: it was a referral"),
    },
}
LOST_BECAUSE = ("price", "competitor", "no_budget", "no_decision", "postponed")


def summary(action_type: str, language: str, chance: Random) -> str:
    said = chance.choice(SUMMARIES[language][action_type])
    detail = chance.choice(DETAILS[language])
    return f"{said}，{detail}" if language == "zh" else f"{said}; {detail}"


def reason(kind: str, language: str, chance: Random) -> str:
    return chance.choice(REASONS[language][kind])


def said_of_lead(language: str, chance: Random, kind: str = "contact") -> str:
    return chance.choice(OF_LEADS[language][kind])
